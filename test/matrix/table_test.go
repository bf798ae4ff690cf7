package main

import (
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	m := table{versions: []string{"1.7", "2.4"}, cells: make(map[string]map[string]*cell)}
	for version, out := range map[string]string{
		"1.7": `{"Action":"output","Test":"TestPull/1.7","Output":"    some text\n"}
{"Action":"pass","Test":"TestPull/1.7"}
{"Action":"pass","Test":"TestPull"}
{"Action":"output","Output":"   +1.2   -4.4   10   10   TestPull/1.7\n"}
{"Action":"output","Output":"   +0.2   -0.4   10   30   TestPull/1.7\n"}
{"Action":"pass"}
`,
		"2.4": `{"Action":"fail","Test":"TestPull/2.4"}
{"Action":"fail","Test":"TestPull"}
{"Action":"skip","Test":"TestOther"}
`,
	} {
		if _, err := m.read(version, strings.NewReader(out)); err != nil {
			t.Fatal(err)
		}
	}
	got := m.markdown()
	for _, row := range []string{
		"| scenario | 1.7 | 2.4 |",
		"| Pull | pass +1 -4 ms, -20 B | fail |",
		"| Other |  | – |",
	} {
		if !strings.Contains(got, row+"\n") {
			t.Errorf("the table has no row %q:\n%s", row, got)
		}
	}
	if n := m.failed(); n != 1 {
		t.Errorf("%d cells failed, want 1", n)
	}
}
