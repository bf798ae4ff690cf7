package export

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The checks of values. Each error goes on after the variable's name.

func anything(string) error { return nil }

// oneOf takes words in upper case, too, as the packages do.
func oneOf(words ...string) func(string) error {
	return func(value string) error {
		if !slices.Contains(words, strings.ToLower(value)) {
			return fmt.Errorf("must be %s, not %q", either(words), value)
		}
		return nil
	}
}

func exactly(words ...string) func(string) error {
	return func(value string) error {
		if !slices.Contains(words, value) {
			return fmt.Errorf("must be %s, not %q", either(words), value)
		}
		return nil
	}
}

// listOf takes words with commas between them; none stands alone.
func listOf(words ...string) func(string) error {
	return func(value string) error {
		list := strings.Split(value, ",")
		for i, word := range list {
			if !slices.Contains(words, word) || slices.Contains(list[:i], word) || (word == "none" && len(list) > 1) {
				return fmt.Errorf("must be %s, or a list like %s, not %q", either(words), strings.Join(words[:2], ","), value)
			}
		}
		return nil
	}
}

// either is words as a sentence has them.
func either(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

func duration(value string) error {
	_, err := milliseconds(value)
	return err
}

// milliseconds is a duration as the variables give it.
func milliseconds(value string) (time.Duration, error) {
	n, err := strconv.ParseInt(value, 10, 32)
	if err != nil || n <= 0 {
		return 0, fmt.Errorf("must be a number of milliseconds above 0, not %q", value)
	}
	return time.Duration(n) * time.Millisecond, nil
}

// count bounds numbers, since the packages make room for so many.
func count(value string) error {
	if n, err := strconv.Atoi(value); err != nil || n <= 0 || n > 1_000_000 {
		return fmt.Errorf("must be a number from 1 to 1000000, not %q", value)
	}
	return nil
}

func limit(value string) error {
	if n, err := strconv.ParseInt(value, 10, 32); err != nil || n < 0 {
		return fmt.Errorf("must be a number, 0 or more, not %q", value)
	}
	return nil
}

func ratio(value string) error {
	if r, err := strconv.ParseFloat(value, 64); err != nil || !(r >= 0 && r <= 1) {
		return fmt.Errorf("must be a number from 0 to 1, not %q", value)
	}
	return nil
}

func port(value string) error {
	if n, err := strconv.ParseUint(value, 10, 16); err != nil || n == 0 {
		return fmt.Errorf("must be a port from 1 to 65535, not %q", value)
	}
	return nil
}

func readable(value string) error {
	_, err := os.ReadFile(value) //nolint:gosec // the user names it
	if err != nil {
		return fmt.Errorf("must be a file that can be read: %w", err)
	}
	return nil
}

func endpoint(value string) error {
	u, err := url.Parse(value)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || (u.Port() != "" && port(u.Port()) != nil) {
		return fmt.Errorf("must be a URL like http://localhost:4317 or https://otel.example:4317, not %q", value)
	}
	return nil
}

// attributes takes what the SDK takes, and no more.
func attributes(value string) error {
	for pair := range strings.SplitSeq(value, ",") {
		key, text, found := strings.Cut(pair, "=")
		if _, err := url.PathUnescape(text); !found || strings.TrimSpace(key) == "" || err != nil {
			return fmt.Errorf("must be a list like k8s.cluster.name=prod,deployment.environment.name=eu, percent-encoded; wrong is %q", pair)
		}
	}
	return nil
}

// headerName is what gRPC takes; HTTP takes more.
var headerName = regexp.MustCompile("^[A-Za-z0-9_.-]+$")

// headers tells nobody what they say: mostly a secret.
func headers(value string) error {
	for pair := range strings.SplitSeq(value, ",") {
		name, text, found := strings.Cut(pair, "=")
		text, err := url.PathUnescape(text)
		if !found || !headerName.MatchString(strings.TrimSpace(name)) || err != nil || strings.ContainsFunc(text, unprintable) {
			return errors.New("must be a list like name=value,other-name=value, the values in ASCII and percent-encoded")
		}
	}
	return nil
}

func unprintable(r rune) bool { return r < ' ' || r > '~' }
