package pull

import (
	"fmt"
	"slices"
	"strings"
)

// pods lets some pods wait, some no longer, and some calls for an image fail, with or
// without a pull that they could have been. What the orchestrator tells is lost for a
// while, now and then.
func (w *world) pods(now float64) {
	if w.rand.IntN(2) == 0 {
		return
	}
	told := Waiting{Time: at(now), Up: w.rand.IntN(8) != 0}
	for i := range 4 {
		if w.rand.IntN(2) == 0 {
			continue
		}
		who := waiter(fmt.Sprint("pod", i), fmt.Sprint("image", w.rand.IntN(3)), fmt.Sprint(1+w.rand.IntN(2)), now-1)
		if w.rand.IntN(6) == 0 {
			who.Deleted = at(now)
		}
		told.Waiters = append(told.Waiters, who)
		if w.rand.IntN(8) == 0 {
			message := fmt.Sprint(who.Image.Name, " at ", now, " for ", who.Pod.Name)
			w.checks.attempts[message] = ""
			told.Failed = append(told.Failed, Attempt{Waiter: who, Time: at(now), Err: ErrTimeout, Message: message})
		}
	}
	w.tracker.Wait(told)
}

// reasons holds what is told of failures: each attempt is one pull's or was refused,
// never both, and a pull's is of its repository.
func (c *checks) reasons(u Update) {
	c.t.Helper()
	take := func(message, as string) {
		was, made := c.attempts[message]
		if !made || was != "" {
			c.t.Errorf("the attempt %q is taken for %s; it was before for %q", message, as, was)
		}
		c.attempts[message] = as
	}
	for _, a := range u.Refused {
		take(a.Message, "refused")
	}
	for _, p := range u.Over {
		if c.over[p.ID] || c.ended[p.ID] || p.Outcome == Success {
			c.t.Errorf("%s is over, %s; over before %t, ended %t", p.ID.Lease, p.Outcome, c.over[p.ID], c.ended[p.ID])
		}
		c.over[p.ID] = true
	}
	for _, p := range u.Ended {
		if (p.Err != "" && p.Err != ErrAbandoned) != (p.Outcome == Failure) || p.Message != "" && p.Outcome != Failure {
			c.t.Errorf("%s: %s with error %q, %q", p.ID.Lease, p.Outcome, p.Err, p.Message)
		}
		if p.Message == "" {
			continue
		}
		take(p.Message, p.ID.Lease)
		_, image, _ := strings.Cut(p.Image.Name, "/")
		if !strings.Contains(p.Message, "/"+image+" ") || !slices.ContainsFunc(p.Pods, func(w Waiter) bool { return strings.HasSuffix(p.Message, w.Pod.Name) }) {
			c.t.Errorf("%s of %s failed for %q, of %v", p.ID.Lease, p.Image.Name, p.Message, p.Pods)
		}
	}
}

// allTold holds that no pull that is over was kept for ever.
func (c *checks) allTold() {
	c.t.Helper()
	for id := range c.over {
		if !c.ended[id] {
			c.t.Errorf("%s was over, and never told", id.Lease)
		}
	}
}
