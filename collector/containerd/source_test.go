package containerd

import "testing"

// Up to 2.0 every pull had download slots of its own.
func TestSlots(t *testing.T) {
	s := &Source{config: Config{MaxConcurrentDownloads: 3}}
	for version, want := range map[string]int{"1.7.35": 0, "2.0.14": 0, "2.1.0": 3, "2.4.2": 3, "2.4.2+unknown": 3, "2.10.0-rc.1": 3} {
		if got := s.slots(version); got != want {
			t.Errorf("%s: %d shared slots, want %d", version, got, want)
		}
	}
}
