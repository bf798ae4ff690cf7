package pull

import (
	"testing"
	"time"
)

func TestDownloadTimeCountsOverlapOnce(t *testing.T) {
	p := Pull{Layers: []Layer{
		{Download: Span{at(0), at(4)}},
		{Download: Span{at(1), at(3)}},
		{Download: Span{at(3), at(6)}},
		{Download: Span{at(10), at(11)}},
		{}, // not fetched
	}}
	if got := p.DownloadTime(); got != 7*time.Second {
		t.Errorf("download time %s, want 7 s", got)
	}
}
