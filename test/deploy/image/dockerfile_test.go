package image_test

import (
	"go/version"
	"os"
	"regexp"
	"testing"
)

// The Dockerfile's Go builds what go.mod asks for. The build here cannot tell, since
// another Go stands in its place.
func TestGoOfTheDockerfile(t *testing.T) {
	first := func(file, pattern string) string {
		t.Helper()
		text, err := os.ReadFile("../../../" + file)
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(pattern).FindSubmatch(text)
		if found == nil {
			t.Fatalf("%s has no %s", file, pattern)
		}
		return "go" + string(found[1])
	}
	has, wants := first("Dockerfile", ` golang:([0-9.]+) `), first("go.mod", `(?m)^go ([0-9.]+)$`)
	if version.Compare(has, wants) < 0 {
		t.Errorf("the Dockerfile has %s, go.mod wants %s", has, wants)
	}
}
