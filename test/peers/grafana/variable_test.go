package grafana

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func options(values ...string) []option {
	var all []option
	for _, value := range values {
		all = append(all, option{Text: []string{value}, Value: []string{value}})
	}
	return all
}

// Which value is in force when a dashboard is opened.
func TestChoose(t *testing.T) {
	for name, test := range map[string]struct {
		v       string
		options []option
		want    value
	}{
		"nothing chosen":             {`{}`, options("a", "b"), single("a")},
		"chosen":                     {`{"current": {"text": "b", "value": "b"}}`, options("a", "b"), single("b")},
		"chosen, and gone":           {`{"current": {"text": "c", "value": "c"}}`, options("a", "b"), single("a")},
		"chosen by its text":         {`{"current": {"text": "ninety", "value": "9"}}`, []option{{Text: texts{"ninety"}, Value: texts{"90"}}}, single("90")},
		"several":                    {`{"multi": true, "current": {"value": ["b", "a", "c"]}}`, options("a", "b"), value{texts: []string{"b", "a"}}},
		"several, none of them left": {`{"multi": true, "current": {"value": ["c"]}}`, options("a", "b"), single("a")},
		"all":                        {`{"includeAll": true, "current": {"value": ["$__all"]}}`, options("a", "b"), value{isAll: true, texts: []string{"a", "b"}}},
		"all, as it stands":          {`{"includeAll": true, "allValue": ".*", "current": {"value": "$__all"}}`, options("a"), value{isAll: true, all: ".*", texts: []string{"a"}}},
		"all, where there is no all": {`{"current": {"value": "$__all"}}`, options("a", "b"), single("a")},
		"all of nothing":             {`{"includeAll": true, "current": {"value": "a"}}`, nil, value{isAll: true}},
		"nothing chosen of all":      {`{"includeAll": true}`, options("a"), value{isAll: true, texts: []string{"a"}}},
		"nothing there":              {`{"current": {"value": "a"}}`, nil, single("")},
		"none of several there":      {`{"multi": true}`, nil, value{}},
	} {
		var v variable
		if err := strict([]byte(test.v), &v); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, v.choose(test.options), cmp.AllowUnexported(value{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// The options that are made of what a query answers.
func TestExtract(t *testing.T) {
	series := []string{`{a="x",b="y"} 1 1700000000000`, `{a="z",b="y"} 2 1700000000000`, `{a="x"} 3 1700000000000`}
	for regex, want := range map[string][]option{
		"":                                    options(series...),
		`/a="([^"]+)"/`:                       options("x", "z"),
		`/a="(?<value>[^"]+)",b="(?<text>.)/`: {{Text: texts{"y"}, Value: texts{"x"}}, {Text: texts{"y"}, Value: texts{"z"}}},
		`/b=/`:                                options(series[:2]...),
		`/B="(Y)"/i`:                          options("y"),
		`.*"y".*`:                             options(series[:2]...),
		`"y"`:                                 nil,
	} {
		got, err := extract(series, regex)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", regex, err, diff)
		}
	}
	for _, wrong := range []string{`/a`, `/a(?=b)/`, `/a/g`, `(`} {
		if got, err := extract(series, wrong); err == nil {
			t.Errorf("%s gives %v, want an error", wrong, got)
		}
	}
}

func TestSortOptions(t *testing.T) {
	for order, want := range [][]option{
		options("b10", "B", "a9"), options("B", "a9", "b10"), options("b10", "a9", "B"), options("B", "a9", "b10"),
		options("b10", "a9", "B"), options("a9", "B", "b10"), options("b10", "B", "a9"),
	} {
		got := options("b10", "B", "a9")
		err := sortOptions(got, order)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("order %d: %v (-want +got):\n%s", order, err, diff)
		}
	}
	got := options("node-10", "Node-9", "node-1")
	if err := sortOptions(got, 7); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(options("node-1", "Node-9", "node-10"), got); diff != "" {
		t.Errorf("natural order (-want +got):\n%s", diff)
	}
	if err := sortOptions(nil, 9); err == nil {
		t.Error("an order that is not known is none")
	}
}

func TestListed(t *testing.T) {
	want := []option{{Text: texts{"a"}, Value: texts{"a"}}, {Text: texts{"ninety"}, Value: texts{"0.9"}}, {Text: texts{"x,y"}, Value: texts{"x,y"}}}
	if diff := cmp.Diff(want, listed(`a, ninety : 0.9,x\,y`)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestInOrder(t *testing.T) {
	a := &variable{Name: "a", Query: `label_values(up{b=~"$b"}, ${c})`}
	b := &variable{Name: "b", Regex: "/$c/"}
	c := &variable{Name: "c", Query: "$__range $1"}
	got, err := inOrder([]*variable{a, b, c})
	if err != nil || !slices.Equal(got, []*variable{c, b, a}) {
		t.Errorf("in order: %v %v", got, err)
	}
	if _, err := inOrder([]*variable{a, {Name: "b", Query: "$a"}}); err == nil {
		t.Error("a ring has an order")
	}
}

func TestReadQuery(t *testing.T) {
	for raw, want := range map[string]text{`"a"`: "a", `{"query": "a", "refId": "b", "qryType": 1}`: "a"} {
		var got text
		if err := json.Unmarshal([]byte(raw), &got); got != want || err != nil {
			t.Errorf("%s is %q (%v)", raw, got, err)
		}
	}
	if err := json.Unmarshal([]byte(`{"metric": "a"}`), new(text)); err == nil {
		t.Error("a query of another form is read")
	}
}
