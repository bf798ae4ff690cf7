// Package judge holds what Pulltrace has told of many pulls against what is true of them.
//
// It is pure: pulls as their clients and the registry know them, the spans that came, and
// the times in which something was wrong go in, and a [Verdict] comes out. Each pull has
// one span, with the right image, outcome and bytes, or there is a reason for which it can
// have none: that is counted, and never silent. No span is without a pull.
package judge
