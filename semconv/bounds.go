package semconv

// DurationBounds are the bucket bounds of a pull's duration and its parts, in
// seconds.
var DurationBounds = []float64{0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 180, 300, 600, 1200, 1800, 3600}

// PollBounds are the bucket bounds of a poll's duration, in seconds.
var PollBounds = []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}

// RateBounds are the bucket bounds of rates, in bytes a second: 64 KiB/s to 4 GiB/s.
var RateBounds = []float64{1 << 16, 1 << 18, 1 << 20, 1 << 21, 1 << 22, 1 << 23, 1 << 24, 1 << 25, 1 << 26, 1 << 27, 1 << 28, 1 << 29, 1 << 30, 1 << 32}

// SizeBounds are the bucket bounds of sizes, in bytes: 64 KiB to 32 GiB.
var SizeBounds = []float64{1 << 16, 1 << 18, 1 << 20, 1 << 22, 1 << 24, 1 << 25, 1 << 26, 1 << 27, 1 << 28, 1 << 29, 1 << 30, 1 << 31, 1 << 32, 1 << 33, 1 << 35}
