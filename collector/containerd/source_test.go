package containerd

import "testing"

// Up to 2.0 every pull had download slots of its own. Distributions add to versions what
// is no semantic version.
func TestIsSince21(t *testing.T) {
	for version, want := range map[string]bool{
		"1.7.35": false, "2.0.14": false, "1.7.28~ds2": false, "v2.0.2": false, "2.0.0-rc.1": false,
		"2.1.0": true, "2.1.4~ds1": true, "2.4.2": true, "2.4.2+unknown": true, "2.10.0-rc.1": true, "v2.2.1-k3s1": true, "3.0.0": true,
		"(devel)": true, "": true,
	} {
		if got := isSince21(version); got != want {
			t.Errorf("%q is 2.1 or later: %t, want %t", version, got, want)
		}
	}
}
