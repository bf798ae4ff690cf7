package grafana

import "testing"

// What Grafana's own tests of its data source for Prometheus say of values in queries.
func TestPromQL(t *testing.T) {
	many := &variable{Name: "x", Multi: true}
	all := &variable{Name: "x", IncludeAll: true}
	for _, test := range []struct {
		name string
		of   *variable
		val  value
		want string
	}{
		{"single", &variable{Name: "x"}, single("docker.io"), `docker.io`},
		{"single with a backslash", &variable{Name: "x"}, single(`looking\glass`), `looking\\glass`},
		{"single with a quote", &variable{Name: "x"}, single(`looking'glass`), `looking\\'glass`},
		{"one of many", many, single("docker.io"), `docker\\.io`},
		{"one of many with a backslash", many, single(`a\b`), `a\\\\b`},
		{"single that may be all", all, single("a[b]"), `a\\[b\\]`},
		{"several", many, value{texts: []string{"docker.io", "a+b:5000"}}, `(docker\\.io|a\\+b:5000)`},
		{"none", many, value{}, `()`},
		{"all", all, value{isAll: true, texts: []string{"node-1", "node.2"}}, `(node-1|node\\.2)`},
		{"all, by a value for it", all, value{isAll: true, all: ".*", texts: []string{"node-1"}}, `.*`},
		{"all, by an expression", all, value{isAll: true, all: "a|b", texts: []string{"a"}}, `a|b`},
	} {
		f := &filler{variables: []*variable{test.of}, values: map[string]value{"x": test.val}}
		for text, want := range map[string]string{`up{a=~"$x"}`: `up{a=~"` + test.want + `"}`, `${x}[[x]]`: test.want + test.want} {
			if got, err := f.fill(text, promQL); got != want || err != nil {
				t.Errorf("%s: %s became %s (%v), want %s", test.name, text, got, err, want)
			}
		}
	}
}

func TestFormats(t *testing.T) {
	f := &filler{
		variables: []*variable{{Name: "many", Multi: true}, {Name: "all", IncludeAll: true}},
		values:    map[string]value{"many": {texts: []string{"a.b", "c/d"}}, "all": {isAll: true, all: ".+"}},
		builtIn:   map[string]string{"__range": "3600s"},
	}
	for text, want := range map[string]string{
		"${many:raw}":                    "a.b,c/d",
		"${many:csv}":                    "a.b,c/d",
		"${many:pipe}":                   "a.b|c/d",
		"${many:regex}":                  `(a\.b|c\/d)`,
		"${many:glob}":                   "{a.b,c/d}",
		"${all:regex}":                   ".+",
		"[$__range:${__range}]":          "[3600s:3600s]",
		`label_replace(x, "$1", "\\$2")`: `label_replace(x, "$1", "\\$2")`,
		"a $ and ${ are nothing":         "a $ and ${ are nothing",
	} {
		if got, err := f.fill(text, promQL); got != want || err != nil {
			t.Errorf("%s became %s (%v), want %s", text, got, err, want)
		}
	}
	for _, wrong := range []string{"$nothing", "${nothing}", "$many_", "${many:html}", "${many.field}", "$__rate_interval", "${__range:raw}"} {
		if got, err := f.fill(wrong, promQL); err == nil {
			t.Errorf("%s became %s, want an error", wrong, got)
		}
	}
}

// What stands for all of a variable's values may refer to another variable.
func TestAllRefers(t *testing.T) {
	f := &filler{
		variables: []*variable{{Name: "a", IncludeAll: true}, {Name: "b"}},
		values:    map[string]value{"a": {isAll: true, all: "$b.*"}, "b": single("node")},
	}
	if got, err := f.fill("$a", promQL); got != "node.*" || err != nil {
		t.Errorf("$a became %s (%v)", got, err)
	}
}
