package pull

import (
	"testing"
	"time"
)

func TestSchedule(t *testing.T) {
	open := func(opened, end float64) *transfer {
		tr := &transfer{blob: &blob{}, opened: at(opened)}
		if end > 0 {
			tr.end = at(end)
		}
		return tr
	}
	moving := func(opened, moved float64) *transfer {
		tr := open(opened, 0)
		tr.blob.moved = at(moved)
		return tr
	}
	moved := func(opened, moved, end float64) *transfer {
		tr := open(opened, end)
		tr.blob.moved, tr.blob.committed = at(moved), at(end)
		return tr
	}
	for name, test := range map[string]struct {
		slots     int
		transfers []*transfer
		want      []float64 // starts; negative for one that waits
	}{
		"a slot for each":                     {3, []*transfer{open(1, 5), open(1, 6)}, []float64{1, 1}},
		"the third gets the slot freed first": {2, []*transfer{open(1, 5), open(1.1, 4), open(1.2, 0)}, []float64{1, 1.1, 4}},
		"first come first served":             {1, []*transfer{open(1, 3), open(1.2, 7), open(1.1, 5)}, []float64{1, 3, 5}},
		"no slot is free":                     {1, []*transfer{open(1, 0), open(1.1, 0)}, []float64{1, -1}},
		"opened after a slot was freed":       {1, []*transfer{open(1, 2), open(3, 0)}, []float64{1, 3}},
		"all move, so there are more slots":   {1, []*transfer{moving(1, 3), moving(1.1, 4)}, []float64{1, 4}},
		"it moves, so the silent one waits":   {1, []*transfer{open(1, 0), moving(1.1, 4)}, []float64{-1, 1.1}},
		"the last of the silent ones waits":   {2, []*transfer{open(1, 0), open(1.1, 0), moving(1.2, 4)}, []float64{1, -1, 1.2}},
		"it is over, so the silent one waits": {1, []*transfer{open(1, 0), moved(1.1, 1.3, 4), open(5, 0)}, []float64{4, 1.1, -1}},
		"a dead one keeps its slot":           {2, []*transfer{moved(1, 2, 9), open(1.1, 0), moving(1.2, 10)}, []float64{1, 1.1, 9}},
		"given up while it waited":            {1, []*transfer{open(1, 5), open(1.1, 5), open(1.2, 0)}, []float64{1, -1, 5}},
		"no shared slots":                     {0, []*transfer{open(1, 0), open(1.1, 0)}, []float64{1, 1.1}},
	} {
		t.Run(name, func(t *testing.T) {
			schedule(test.transfers, test.slots)
			for i, tr := range test.transfers { // sorted by opened
				want := time.Time{}
				if test.want[i] >= 0 {
					want = at(test.want[i])
				}
				if !tr.start.Equal(want) {
					t.Errorf("transfer %d starts %v, want %v", i, tr.start, want)
				}
			}
		})
	}
}
