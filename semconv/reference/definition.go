package main

import (
	"errors"

	"go.yaml.in/yaml/v3"
)

// definition is a file of the registry: the part of OpenTelemetry's format
// definition/2 that Pulltrace's registry uses. Anything else in a file is an error.
type definition struct {
	FileFormat  string      `yaml:"file_format"`
	Attributes  []attribute `yaml:"attributes"`
	Groups      []*group    `yaml:"attribute_groups"`
	Metrics     []*metric   `yaml:"metrics"`
	Refinements []*metric   `yaml:"metric_refinements"`
	Spans       []*span     `yaml:"spans"`
	Events      []*event    `yaml:"events"`
}

type attribute struct {
	Key         string
	Type        attributeType
	Stability   string
	Brief, Note string
	Examples    []any
	Annotations struct {
		Values map[string]string // that a list may hold
	}
}

// attributeType is the name of a type, or the members of an enum.
type attributeType struct {
	Name    string
	Members []member
}

type member struct{ ID, Value, Brief, Stability string }

func (t *attributeType) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		return node.Decode(&t.Name)
	}
	t.Name = "string"
	var enum struct{ Members []member }
	err := node.Decode(&enum)
	t.Members = enum.Members
	return err
}

type group struct {
	ID, Visibility         string
	Stability, Brief, Note string
	Attributes             []ref
}

type metric struct {
	ID, Ref          string // of a refinement
	Name             string
	Instrument, Unit string
	signal           `yaml:",inline"`
}

type span struct {
	Type   string
	Name   struct{ Note string }
	Kind   string
	signal `yaml:",inline"`
}

type event struct {
	Name   string
	signal `yaml:",inline"`
}

// signal is what metrics, spans and events have in common.
type signal struct {
	Stability, Brief, Note string
	Annotations            annotations
	Attributes             []ref
}

type annotations struct {
	Instrument, Unit string    // of a metric that is the standard's
	Bounds           []float64 // of a histogram
	Queries          []query
	Example          string
}

type query struct{ Text, PromQL string }

// ref has an attribute on a signal, or all of a group.
type ref struct {
	Ref      string
	RefGroup string      `yaml:"ref_group"`
	Level    requirement `yaml:"requirement_level"`
	// Of an attribute of the standard, what it means here.
	Brief, Note string
	Examples    []any
	Annotations struct {
		Values map[string]string
	}
}

// requirement says whether an attribute is always there, or on which condition.
type requirement struct {
	Required  bool
	Condition string
}

func (r *requirement) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		r.Required = node.Value == "required"
		if !r.Required {
			return errors.New("an attribute is required, or it is so on a condition")
		}
		return nil
	}
	var conditional struct {
		Condition string `yaml:"conditionally_required"`
	}
	err := node.Decode(&conditional)
	r.Condition = conditional.Condition
	return err
}
