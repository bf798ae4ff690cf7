package deploy_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/pulltrace/pulltrace/test/deploy"
)

// The reference of the values and the plain manifests are those of the chart.
func TestGeneratedFilesAreFresh(t *testing.T) {
	files, err := deploy.Generated(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range files {
		got, err := os.ReadFile(filepath.Join("..", "..", path))
		if err != nil {
			t.Error(err)
		}
		if !bytes.Equal(want, got) {
			t.Errorf("%s is stale: run make generate", path)
		}
	}
}
