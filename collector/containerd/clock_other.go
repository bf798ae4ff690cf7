//go:build !linux

package containerd

import "time"

func sinceBoot() time.Duration { return time.Since(began) }
