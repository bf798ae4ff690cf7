// Command reference writes semconv/README.md, the page of all that Pulltrace
// emits: the registry in semconv/registry, set in page.md.tmpl. Its tests hold
// the page, the registry and the Go package semconv together.
//
// It is a module of its own, so that what it needs stays out of the binary's.
package main

import (
	"fmt"
	"os"
)

// Where things are, seen from this folder.
const (
	registryDir = "../registry"
	pagePath    = "../README.md"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "reference:", err)
		os.Exit(1)
	}
}

func run() error {
	reg, err := load(os.DirFS(registryDir))
	if err != nil {
		return err
	}
	page, err := reg.page()
	if err != nil {
		return err
	}
	return os.WriteFile(pagePath, page, 0o644) //nolint:gosec // a page for all to read
}
