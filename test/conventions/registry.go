package conventions

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/pulltrace/pulltrace/test/internal/gobuild"
)

const thisPackage = "github.com/pulltrace/pulltrace/test/conventions"

// scope is the instrumentation scope of all that is declared.
const scope = "github.com/pulltrace/pulltrace"

// Registry is what is declared, and what of it was seen. Its methods may be
// called from any goroutine.
type Registry struct {
	schemaURL string
	resource  signal
	metrics   map[string]metric
	spans     map[string]span
	events    map[string]signal

	mu   sync.Mutex
	seen map[string]bool // what is declared, in words
}

type metric struct {
	Name, Instrument, Unit string
	signal
	bounds []float64
}

type span struct {
	kind string
	signal
}

// signal is what metrics, spans and events have in common, and the resource.
type signal struct {
	what       string // it is, in words
	brief      string
	attributes map[string]attribute
}

// attribute is one that a signal may or must have.
type attribute struct {
	declared string // where: what many signals share is declared once
	kind     string // its type, like string[]
	required bool
	values   []string // empty where any will do
}

// Load reads the registry of this tree.
func Load() (*Registry, error) {
	here, err := gobuild.Dir(context.Background(), thisPackage)
	if err != nil {
		return nil, fmt.Errorf("finding the registry: %w", err)
	}
	return load(filepath.Join(here, "..", "..", "semconv", "registry"))
}

func load(dir string) (*Registry, error) {
	var manifest struct {
		SchemaURL string `yaml:"schema_url"`
	}
	if err := read(filepath.Join(dir, "manifest.yaml"), &manifest); err != nil {
		return nil, err
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return nil, err
	}
	var all file
	for _, path := range paths {
		var f file
		if filepath.Base(path) == "manifest.yaml" {
			continue
		}
		if err := read(path, &f); err != nil {
			return nil, err
		}
		all.add(f)
	}
	r := &Registry{
		schemaURL: manifest.SchemaURL,
		metrics:   map[string]metric{}, spans: map[string]span{}, events: map[string]signal{},
		seen: map[string]bool{},
	}
	return r, r.fill(&all)
}

// fill takes the definitions of all files.
func (r *Registry) fill(f *file) (err error) {
	signalOf := func(what, brief string, refs []ref) signal {
		s := signal{what: what, brief: strings.TrimSpace(brief), attributes: map[string]attribute{}}
		err = errors.Join(err, f.fill(s.attributes, what, refs))
		return s
	}
	for _, g := range f.Groups {
		if g.ID == "pulltrace.resource" {
			r.resource = signalOf("resource", "", g.Attributes)
		}
	}
	for _, m := range f.Metrics {
		r.metrics[m.Name] = metric{m.Name, m.Instrument, m.Unit, signalOf("metric "+m.Name, m.Brief, m.Attributes), m.Annotations.Bounds}
	}
	for _, m := range f.Refinements { // of a metric of the standard
		r.metrics[m.Ref] = metric{m.Ref, m.Annotations.Instrument, m.Annotations.Unit, signalOf("metric "+m.Ref, m.Brief, m.Attributes), nil}
	}
	for _, s := range f.Spans {
		r.spans[s.Name.Note] = span{s.Kind, signalOf("span "+s.Name.Note, s.Brief, s.Attributes)}
	}
	for _, e := range f.Events {
		r.events[e.Name] = signalOf("event "+e.Name, e.Brief, e.Attributes)
	}
	return err
}

func read(path string, to any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := yaml.NewDecoder(bytes.NewReader(text)).Decode(to); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
