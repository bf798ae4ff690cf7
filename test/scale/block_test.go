package scale

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/tsdb/index"
)

// samplesOfChunk is after how many samples Prometheus begins another chunk.
const samplesOfChunk = 120

// stretch is the time from the one to the other, in milliseconds.
type stretch struct{ from, to int64 }

// stretches are the blocks that Prometheus would have of the time up to now: of two hours,
// and compacted to six and eighteen.
func stretches(now time.Time, past time.Duration) (all []stretch) {
	to, from := now.UnixMilli(), now.Add(-past).UnixMilli()
	for _, hours := range []int64{2, 6, 18} {
		length := (time.Duration(hours) * time.Hour).Milliseconds()
		for ; to > from && (hours == 18 || to%(3*length) != 0); to = max((to-1)/length*length, from) {
			all = append(all, stretch{max((to-1)/length*length, from), to})
		}
	}
	return all
}

// cut is a series in chunks as Prometheus has them, at the time that it is to have.
func (s *series) cut(shift time.Duration, at []stretch) (all []chunks.Meta, err error) {
	var meta *chunks.Meta
	var writer chunkenc.Appender
	var in stretch
	samples := s.samples.Iterator(nil)
	for samples.Next() != chunkenc.ValNone {
		t, v := samples.At()
		t += shift.Milliseconds()
		if meta == nil || t >= in.to || meta.Chunk.NumSamples() == samplesOfChunk {
			i := slices.IndexFunc(at, func(s stretch) bool { return s.from <= t && t < s.to })
			if i < 0 {
				continue // before the past began
			}
			in = at[i]
			all = append(all, chunks.Meta{Chunk: chunkenc.NewXORChunk(), MinTime: t})
			meta = &all[len(all)-1]
			if writer, err = meta.Chunk.Appender(); err != nil {
				return nil, err
			}
		}
		writer.Append(0, t, v)
		meta.MaxTime = t
	}
	return all, samples.Err()
}

// entry is a series of a block: its samples are those of all copies of the node.
type entry struct {
	labels labels.Labels
	chunks []chunks.Meta
}

// writeBlocks writes the past of all nodes as blocks below dir, and returns how many
// samples there are.
func writeBlocks(t *testing.T, dir string, f *fleet, shift time.Duration) (samples int) {
	t.Helper()
	at := stretches(f.now.Add(shift), f.span.past)
	cut := make(map[*series][]chunks.Meta)
	for _, o := range f.originals {
		for _, all := range o.past.series {
			for _, s := range all {
				var err error
				if cut[s], err = s.cut(shift, at); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for _, in := range at {
		var entries []entry
		for _, o := range f.originals {
			for _, all := range o.past.series {
				for _, s := range all {
					here := within(cut[s], in)
					if len(here) == 0 {
						continue
					}
					for _, c := range o.copies {
						entries = append(entries, entry{c.rename(s.labels), here})
					}
				}
			}
		}
		slices.SortFunc(entries, func(a, b entry) int { return labels.Compare(a.labels, b.labels) })
		n, err := writeBlock(t, dir, in, entries)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("block of %s: %d series, %d samples", time.Duration(in.to-in.from)*time.Millisecond, len(entries), n)
		samples += n
	}
	return samples
}

func within(all []chunks.Meta, in stretch) (here []chunks.Meta) {
	for _, c := range all {
		if in.from <= c.MinTime && c.MinTime < in.to {
			here = append(here, c)
		}
	}
	return here
}

// writeBlock writes one block, of sorted series, and returns how many samples it has.
func writeBlock(t *testing.T, dir string, in stretch, entries []entry) (samples int, err error) {
	t.Helper()
	id, err := ulid.New(uint64(in.to), rand.Reader)
	if err != nil {
		return 0, err
	}
	dir = filepath.Join(dir, id.String())
	w, err := chunks.NewWriter(filepath.Join(dir, "chunks"))
	if err != nil {
		return 0, err
	}
	x, err := index.NewWriter(t.Context(), filepath.Join(dir, "index"))
	if err != nil {
		return 0, err
	}
	if err := addSymbols(x, entries); err != nil {
		return 0, err
	}
	count := 0
	for i, e := range entries {
		here := slices.Clone(e.chunks) // they get their places in the file
		if err := w.WriteChunks(here...); err != nil {
			return 0, err
		}
		if err := x.AddSeries(storage.SeriesRef(i+1), e.labels, here...); err != nil {
			return 0, err
		}
		count += len(here)
		for _, c := range here {
			samples += c.Chunk.NumSamples()
		}
	}
	if err := errors.Join(w.Close(), x.Close()); err != nil {
		return 0, err
	}
	meta, err := json.Marshal(map[string]any{
		"ulid": id, "minTime": in.from, "maxTime": in.to, "version": 1,
		"stats":      map[string]int{"numSamples": samples, "numSeries": len(entries), "numChunks": count},
		"compaction": map[string]any{"level": 1, "sources": []ulid.ULID{id}},
	})
	if err != nil {
		return 0, err
	}
	return samples, os.WriteFile(filepath.Join(dir, "meta.json"), meta, 0o600)
}

// addSymbols adds all names and values of labels, sorted.
func addSymbols(x *index.Writer, entries []entry) error {
	symbols := make(map[string]struct{})
	for _, e := range entries {
		e.labels.Range(func(l labels.Label) {
			symbols[l.Name], symbols[l.Value] = struct{}{}, struct{}{}
		})
	}
	for _, s := range slices.Sorted(maps.Keys(symbols)) {
		if err := x.AddSymbol(s); err != nil {
			return err
		}
	}
	return nil
}
