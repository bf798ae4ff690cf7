package socketproxy

import "time"

// Busiest is how many of the calls, which are in order, began in the second that has most.
func Busiest(calls []Call) (most int) {
	first := 0
	for i, c := range calls {
		for c.Start.Sub(calls[first].Start) >= time.Second {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}
