package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"strings"

	"go.yaml.in/yaml/v3"
)

// registry is all that Pulltrace declares, with what is referred to filled in.
type registry struct {
	Manifest   manifest
	Attributes map[string]attribute
	Groups     map[string]*group
	Files      map[string]*definition // by name without .yaml
}

type manifest struct {
	Name, Description, Stability string
	SchemaURL                    string `yaml:"schema_url"`
	Dependencies                 []struct {
		SchemaURL    string `yaml:"schema_url"`
		RegistryPath string `yaml:"registry_path"`
	}
}

// Standard is the version of OpenTelemetry's conventions that ours build on.
func (m manifest) Standard() string {
	url := m.Dependencies[0].SchemaURL
	return "v" + url[strings.LastIndexByte(url, '/')+1:]
}

// load reads the files of a registry.
func load(dir fs.FS) (*registry, error) {
	r := &registry{Attributes: map[string]attribute{}, Groups: map[string]*group{}, Files: map[string]*definition{}}
	if err := read(dir, "manifest.yaml", &r.Manifest); err != nil {
		return nil, err
	}
	names, err := fs.Glob(dir, "*.yaml")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if name == "manifest.yaml" {
			continue
		}
		var file definition
		if err := read(dir, name, &file); err != nil {
			return nil, err
		}
		r.Files[strings.TrimSuffix(name, ".yaml")] = &file
		for _, a := range file.Attributes {
			r.Attributes[a.Key] = a
		}
		for _, g := range file.Groups {
			r.Groups[g.ID] = g
		}
		for _, m := range file.Refinements {
			m.Name, m.Instrument, m.Unit = m.Ref, m.Annotations.Instrument, m.Annotations.Unit
		}
	}
	for name, file := range r.Files {
		if err := r.resolve(file); err != nil {
			return nil, fmt.Errorf("%s.yaml: %w", name, err)
		}
	}
	return r, nil
}

func read(dir fs.FS, name string, to any) error {
	text, err := fs.ReadFile(dir, name)
	if err != nil {
		return err
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(to); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// signals are the metrics, spans and events of a file.
func (d *definition) signals() (all []*signal) {
	for _, m := range append(d.Metrics, d.Refinements...) {
		all = append(all, &m.signal)
	}
	for _, s := range d.Spans {
		all = append(all, &s.signal)
	}
	for _, e := range d.Events {
		all = append(all, &e.signal)
	}
	return all
}

// resolve puts the attributes of groups in their place, and what ours mean.
func (r *registry) resolve(file *definition) error {
	for _, s := range file.signals() {
		var all []ref
		for _, a := range s.Attributes {
			if a.RefGroup == "" {
				all = append(all, a)
				continue
			}
			g := r.Groups[a.RefGroup]
			if g == nil {
				return fmt.Errorf("no group %s", a.RefGroup)
			}
			all = append(all, g.Attributes...)
		}
		for i := range all {
			if err := r.define(&all[i]); err != nil {
				return err
			}
		}
		s.Attributes = all
	}
	return nil
}

// define fills in what an attribute of ours means.
func (r *registry) define(a *ref) error {
	ours, found := r.Attributes[a.Ref]
	switch {
	case found:
		a.Brief, a.Note = ours.Brief, ours.Note
	case r.owns(a.Ref):
		return fmt.Errorf("no attribute %s", a.Ref)
	}
	return nil
}

// owns tells names of this registry from those of the standard.
func (r *registry) owns(name string) bool {
	return strings.HasPrefix(name, r.Manifest.Name+".")
}
