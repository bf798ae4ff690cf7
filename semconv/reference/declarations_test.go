package main

import (
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// declarations are what the Go package and the registry must agree on.
type declarations struct {
	SchemaURL     string
	Keys          []string
	Values        map[string][]string // of enums and error.type, by key
	Estimates     []string
	Metrics       map[string]declaredMetric
	Spans, Events []string
}

type declaredMetric struct {
	Instrument, Unit, Description string
	Bounds                        []float64
}

func TestGoDeclaresWhatTheRegistryDoes(t *testing.T) {
	inGo, inRegistry := declaredInGo(t), declaredInRegistry(loaded(t))
	sorted := cmpopts.SortSlices(strings.Compare)
	if diff := cmp.Diff(inRegistry, inGo, sorted, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-registry +Go):\n%s", diff)
	}
}

func declaredInRegistry(r *registry) declarations {
	d := declarations{
		SchemaURL: r.Manifest.SchemaURL,
		Values:    map[string][]string{},
		Metrics:   map[string]declaredMetric{},
	}
	for key, a := range r.Attributes {
		d.Keys = append(d.Keys, key)
		for _, m := range a.Type.Members {
			d.Values[key] = append(d.Values[key], m.Value)
		}
	}
	for value := range r.Attributes["pulltrace.estimated"].Annotations.Values {
		d.Estimates = append(d.Estimates, value)
	}
	for _, m := range r.metrics() {
		d.Metrics[m.Name] = declaredMetric{m.Instrument, m.Unit, m.Brief, m.Annotations.Bounds}
	}
	for _, file := range r.Files {
		for _, s := range file.Spans {
			d.Spans = append(d.Spans, s.Name.Note)
		}
		for _, e := range file.Events {
			d.Events = append(d.Events, e.Name)
		}
		for _, s := range file.signals() {
			for _, a := range s.Attributes {
				for value := range a.Annotations.Values {
					if !slices.Contains(d.Values[a.Ref], value) {
						d.Values[a.Ref] = append(d.Values[a.Ref], value)
					}
				}
			}
		}
	}
	return d
}

// source is the Go package, as it is written: what is declared in it and forgotten in
// every list would else not be seen.
type source struct {
	*testing.T
	values map[string]ast.Expr // of each constant and variable, by name
	files  map[string]string   // where each is declared
}

func readSource(t *testing.T) source {
	t.Helper()
	s := source{t, map[string]ast.Expr{}, map[string]string{}}
	paths, err := filepath.Glob("../*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			general, ok := decl.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range general.Specs {
				if values, ok := spec.(*ast.ValueSpec); ok {
					for i, name := range values.Names {
						s.values[name.Name] = values.Values[i]
						s.files[name.Name] = filepath.Base(path)
					}
				}
			}
		}
	}
	return s
}

func declaredInGo(t *testing.T) declarations {
	t.Helper()
	s := readSource(t)
	d := declarations{Values: map[string][]string{}, Metrics: map[string]declaredMetric{}}
	for name, value := range s.values {
		switch s.files[name] {
		case "doc.go":
			if name == "SchemaURL" {
				d.SchemaURL = s.text(value)
			}
		case "attributes.go":
			d.Keys = append(d.Keys, s.key(value))
		case "values.go":
			if name == "RegistryOther" {
				continue // a name among the hosts, which are not declared
			}
			key, member := s.member(value)
			d.Values[key] = append(d.Values[key], member)
		case "estimates.go":
			d.Estimates = append(d.Estimates, s.text(value))
		case "metrics.go":
			if call, ok := value.(*ast.CallExpr); ok {
				d.Metrics[s.text(call.Args[0])] = s.metric(call)
			}
		case "bounds.go": // come with the metrics that have them
		case "spans.go":
			d.Spans = append(d.Spans, s.text(value))
		case "events.go":
			d.Events = append(d.Events, s.text(value))
		default:
			t.Errorf("what %s declares is held against nothing", s.files[name])
		}
	}
	return d
}

// text is the value of a string.
func (s source) text(e ast.Expr) string { return constant.StringVal(s.eval(e)) }

// eval computes a constant expression of literals.
func (s source) eval(e ast.Expr) constant.Value {
	s.Helper()
	value, err := types.Eval(token.NewFileSet(), nil, token.NoPos, types.ExprString(e))
	if err != nil {
		s.Fatal(err)
	}
	return value.Value
}

// key is the key in attribute.Key("…"), or in a constant that is one.
func (s source) key(e ast.Expr) string {
	s.Helper()
	switch e := e.(type) {
	case *ast.CallExpr:
		return s.text(e.Args[0])
	case *ast.Ident:
		return s.key(s.values[e.Name])
	case *ast.SelectorExpr:
		if e.Sel.Name == "ErrorTypeKey" {
			return "error.type"
		}
	}
	s.Fatalf("%s is no attribute's key", types.ExprString(e))
	return ""
}

// member is the key and the value in XKey.String("…").
func (s source) member(e ast.Expr) (key, value string) {
	s.Helper()
	if call, ok := e.(*ast.CallExpr); ok {
		return s.key(call.Fun.(*ast.SelectorExpr).X), s.text(call.Args[0])
	}
	if types.ExprString(e) == "standard.ErrorTypeOther" {
		return "error.type", "_OTHER"
	}
	s.Fatalf("%s is no attribute's value", types.ExprString(e))
	return "", ""
}

// metric is what gauge("…", "…", "…") and the like declare.
func (s source) metric(call *ast.CallExpr) declaredMetric {
	s.Helper()
	m := declaredMetric{
		Instrument:  strings.ToLower(types.ExprString(call.Fun)),
		Unit:        s.text(call.Args[1]),
		Description: s.text(call.Args[2]),
	}
	if len(call.Args) > 3 {
		for _, e := range s.values[types.ExprString(call.Args[3])].(*ast.CompositeLit).Elts {
			bound, _ := constant.Float64Val(constant.ToFloat(s.eval(e)))
			m.Bounds = append(m.Bounds, bound)
		}
	}
	return m
}
