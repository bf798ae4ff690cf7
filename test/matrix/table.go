package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// table is a cell for each scenario, by name, and version.
type table struct {
	versions []string
	cells    map[string]map[string]*cell
}

// cell is how a scenario went on a version.
type cell struct {
	result     string  // pass, fail or skip
	start, end float64 // ms, furthest from the CRI call's
	bytes      int64   // furthest from what the registry served
	told       bool    // start, end and bytes were measured
}

// line is one line of go test -json.
type line struct{ Action, Test, Output string }

// read fills the column of a version with what go test tells, and counts tests.
func (t *table) read(version string, out io.Reader) (tests int, err error) {
	said := make(map[string]string) // by each test
	for decoder := json.NewDecoder(out); ; {
		var l line
		if err := decoder.Decode(&l); errors.Is(err, io.EOF) {
			return tests, nil
		} else if err != nil {
			return tests, fmt.Errorf("reading the output of go test: %w", err)
		}
		switch l.Action {
		case "pass", "fail", "skip":
			if l.Test != "" {
				tests++
				t.at(l.Test, version).result = l.Action
			}
			if l.Action == "fail" {
				log.Print(said[l.Test])
			}
			delete(said, l.Test)
		case "output":
			said[l.Test] += l.Output
			t.measured(version, l.Output)
		}
	}
}

// measured takes a row of the report that the suite closes with: start and end in
// ms, bytes told, bytes served, test.
func (t *table) measured(version, row string) {
	fields := strings.Fields(row)
	if len(fields) != 5 || !strings.HasPrefix(fields[4], "Test") {
		return
	}
	start, err1 := strconv.ParseFloat(fields[0], 64)
	end, err2 := strconv.ParseFloat(fields[1], 64)
	told, err3 := strconv.ParseInt(fields[2], 10, 64)
	served, err4 := strconv.ParseInt(fields[3], 10, 64)
	if errors.Join(err1, err2, err3, err4) != nil {
		return
	}
	c := t.at(fields[4], version)
	c.told = true
	c.start, c.end, c.bytes = further(c.start, start), further(c.end, end), further(c.bytes, told-served)
}

func further[N int64 | float64](a, b N) N {
	if math.Abs(float64(b)) > math.Abs(float64(a)) {
		return b
	}
	return a
}

// at is the cell of a test, whose name of the core set ends with the version.
func (t *table) at(test, version string) *cell {
	scenario := strings.TrimSuffix(strings.TrimPrefix(test, "Test"), "/"+version)
	row := t.cells[scenario]
	if row == nil {
		row = make(map[string]*cell)
		t.cells[scenario] = row
	}
	if row[version] == nil {
		row[version] = &cell{}
	}
	return row[version]
}

func (t *table) failed() (n int) {
	for _, row := range t.cells {
		for _, c := range row {
			if c.result == "fail" {
				n++
			}
		}
	}
	return n
}

const head = `# Every scenario on every containerd

` + "`make test-matrix`" + ` writes this page. A cell says whether the scenario passed, and how far
the spans of its pulls were, at worst, from the CRI call: start and end in ms, and the
bytes told from those the registry served. Failed pulls tell fewer bytes than were
served, since containerd drops what has not reached its disk. A dash stands where a version
has not got what the scenario is about: download slots that all pulls share and image
verifiers in CRI pulls came with 2.1, parallel unpack with 2.2, and the transfer service of
1.7 speaks no plain HTTP.

`

func (t *table) markdown() string {
	var b strings.Builder
	b.WriteString(head + "| scenario | " + strings.Join(t.versions, " | ") + " |\n")
	b.WriteString("|---|" + strings.Repeat("---|", len(t.versions)) + "\n")
	for _, scenario := range slices.Sorted(maps.Keys(t.cells)) {
		b.WriteString("| " + scenario + " |")
		for _, version := range t.versions {
			b.WriteString(" " + t.cells[scenario][version].String() + " |")
		}
		b.WriteString("\n")
	}
	return b.String()
}

func (c *cell) String() string {
	switch {
	case c == nil:
		return ""
	case c.result == "skip":
		return "–"
	case !c.told:
		return c.result
	case c.bytes == 0:
		return fmt.Sprintf("%s %+.0f %+.0f ms", c.result, c.start, c.end)
	}
	return fmt.Sprintf("%s %+.0f %+.0f ms, %+d B", c.result, c.start, c.end, c.bytes)
}
