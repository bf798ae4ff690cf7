package containerd

import (
	"os"
	"path/filepath"
)

// SpoilIngests empties the files that say when the open ingests of all namespaces
// began, as a full disk or a crash may leave them. containerd then cannot list the
// ingests of a namespace that has one.
func (d *Daemon) SpoilIngests() {
	d.t.Helper()
	files, err := filepath.Glob(filepath.Join(d.dir, "root", "io.containerd.content.v1.content", "ingest", "*", "startedat"))
	if err != nil {
		d.t.Fatal(err)
	}
	if len(files) == 0 {
		d.t.Fatal("there is no open ingest to be spoilt")
	}
	for _, file := range files {
		if err := os.Truncate(file, 0); err != nil {
			d.t.Fatal(err)
		}
	}
}
