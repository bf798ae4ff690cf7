package conventions

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// file is what is asked of a file of the registry (OpenTelemetry's format
// definition/2).
type file struct {
	Attributes  []definition
	Groups      []group `yaml:"attribute_groups"`
	Metrics     []metricDefinition
	Refinements []metricDefinition `yaml:"metric_refinements"`
	Spans       []struct {
		Name        struct{ Note string }
		Kind, Brief string
		Attributes  []ref
	}
	Events []struct {
		Name, Brief string
		Attributes  []ref
	}
}

type definition struct {
	Key         string
	Type        yaml.Node // a name, or the members of an enum
	Annotations values
}

type group struct {
	ID         string
	Attributes []ref
}

type metricDefinition struct {
	Name, Ref               string
	Instrument, Unit, Brief string
	Annotations             struct {
		Instrument, Unit string
		Bounds           []float64
	}
	Attributes []ref
}

type ref struct {
	Ref         string
	Group       string    `yaml:"ref_group"`
	Level       yaml.Node `yaml:"requirement_level"` // a word, or a condition
	Examples    []any
	Annotations values
}

type values struct{ Values map[string]string }

func (f *file) add(o file) {
	f.Attributes = append(f.Attributes, o.Attributes...)
	f.Groups = append(f.Groups, o.Groups...)
	f.Metrics = append(f.Metrics, o.Metrics...)
	f.Refinements = append(f.Refinements, o.Refinements...)
	f.Spans = append(f.Spans, o.Spans...)
	f.Events = append(f.Events, o.Events...)
}

// fill adds the attributes that are referred to, those of groups too.
func (f *file) fill(to map[string]attribute, declared string, refs []ref) error {
	for _, r := range refs {
		if r.Group == "" {
			a, err := f.attribute(r)
			if err != nil {
				return err
			}
			a.declared = declared
			to[r.Ref] = a
			continue
		}
		i := slices.IndexFunc(f.Groups, func(g group) bool { return g.ID == r.Group })
		if i < 0 {
			return fmt.Errorf("%s refers to no group: %s", declared, r.Group)
		}
		if err := f.fill(to, r.Group, f.Groups[i].Attributes); err != nil {
			return err
		}
	}
	return nil
}

// attribute is one that is referred to. One of the standard has its definition
// elsewhere, and shows its type by an example.
func (f *file) attribute(r ref) (attribute, error) {
	a := attribute{
		kind:     "string",
		required: r.Level.Value == "required",
		values:   slices.Sorted(maps.Keys(r.Annotations.Values)),
	}
	i := slices.IndexFunc(f.Attributes, func(d definition) bool { return d.Key == r.Ref })
	switch {
	case i >= 0:
		d := f.Attributes[i]
		if d.Type.Kind == yaml.ScalarNode {
			a.kind = d.Type.Value
		}
		var enum struct{ Members []struct{ Value string } }
		if d.Type.Kind == yaml.MappingNode {
			if err := d.Type.Decode(&enum); err != nil {
				return a, fmt.Errorf("%s: %w", d.Key, err)
			}
		}
		for _, m := range enum.Members {
			a.values = append(a.values, m.Value)
		}
		a.values = append(a.values, slices.Sorted(maps.Keys(d.Annotations.Values))...)
	case strings.HasPrefix(r.Ref, "pulltrace."):
		return a, fmt.Errorf("%s is referred to and not defined", r.Ref)
	case len(r.Examples) > 0:
		if _, list := r.Examples[0].([]any); list {
			a.kind = "string[]"
		}
	}
	return a, nil
}
