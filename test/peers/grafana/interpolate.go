package grafana

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// reference is $name, [[name:format]] or ${name.field:format}, as Grafana looks for it.
var reference = regexp.MustCompile(`\$(\w+)|\[\[(\w+?)(?::(\w+))?\]\]|\$\{(\w+)(?:\.([^:^\}]+))?(?::([^\}]+))?\}`)

// group is $1, which label_replace knows, and Grafana leaves as it is.
var group = regexp.MustCompile(`^\d+$`)

// value is what a variable has: one value, several, or all that there are.
type value struct {
	texts []string
	isAll bool
	all   string // what stands for all of them, where the dashboard says it
}

func single(text string) value { return value{texts: []string{text}} }

// format writes a value where it is referred to.
type format func(v *variable, val value) string

// promQL is how values are written into a query or a variable's query for Prometheus, where no
// format is asked for.
func promQL(v *variable, val value) string {
	if !v.Multi && !v.IncludeAll {
		return quoted.Replace(val.String())
	}
	return alternatives(val, func(text string) string {
		return meta.ReplaceAllString(strings.ReplaceAll(text, `\`, `\\\\`), `\\$0`)
	})
}

// pattern is how values are written into a regular expression.
func pattern(_ *variable, val value) string {
	return alternatives(val, func(text string) string {
		return special.ReplaceAllString(text, `\$0`)
	})
}

// glob is how values are written where nobody says how.
func glob(_ *variable, val value) string {
	if len(val.texts) > 1 {
		return "{" + strings.Join(val.texts, ",") + "}"
	}
	return val.String()
}

func joined(separator string) format {
	return func(_ *variable, val value) string { return strings.Join(val.texts, separator) }
}

// Each metacharacter gets two backslashes, of which a string of PromQL makes one.
var (
	meta    = regexp.MustCompile(`[$^*{}\[\]+?.()|]`)
	quoted  = strings.NewReplacer(`\`, `\\`, `'`, `\\'`)
	special = regexp.MustCompile(`[\\^$*+?.()|\[\]{}/]`)
)

func (v value) String() string { return strings.Join(v.texts, ",") }

func alternatives(val value, escape func(string) string) string {
	var escaped []string
	for _, text := range val.texts {
		escaped = append(escaped, escape(text))
	}
	if len(escaped) == 1 {
		return escaped[0]
	}
	return "(" + strings.Join(escaped, "|") + ")"
}

// formats are those that a reference may name.
var formats = map[string]format{
	"raw":   joined(","),
	"csv":   joined(","),
	"pipe":  joined("|"),
	"glob":  glob,
	"regex": pattern,
}

// filler fills texts that refer to variables.
type filler struct {
	variables []*variable
	values    map[string]value  // of those that are filled already
	builtIn   map[string]string // $__range and the like
}

// fill writes the values of variables into a text; those without a format of their own by
// otherwise. A name that no variable has is an error: Grafana leaves it in the text.
func (f *filler) fill(text string, otherwise format) (string, error) {
	var failed error
	filled := reference.ReplaceAllStringFunc(text, func(match string) string {
		parts := reference.FindStringSubmatch(match)
		written, err := f.write(match, parts[1]+parts[2]+parts[4], parts[5], parts[3]+parts[6], otherwise)
		if err != nil && failed == nil {
			failed = fmt.Errorf("%s in %q: %w", match, text, err)
		}
		return written
	})
	return filled, failed
}

func (f *filler) write(match, name, field, formatName string, otherwise format) (string, error) {
	if group.MatchString(name) {
		return match, nil
	}
	if field != "" {
		return "", fmt.Errorf("fields of values are not read here")
	}
	if text, ok := f.builtIn[name]; ok && formatName == "" {
		return text, nil
	}
	v := f.named(name)
	if v == nil {
		return "", fmt.Errorf("there is no such variable")
	}
	val, ok := f.values[name]
	if !ok {
		return "", fmt.Errorf("it is not filled")
	}
	writes := otherwise
	if formatName != "" {
		if writes, ok = formats[formatName]; !ok {
			return "", fmt.Errorf("the format is not known here")
		}
	}
	if val.isAll && val.all != "" {
		return f.fill(val.all, glob) // as it stands, whatever the format
	}
	return writes(v, val), nil
}

// named returns the variable of a name, or nil.
func (f *filler) named(name string) *variable {
	if i := slices.IndexFunc(f.variables, func(v *variable) bool { return v.Name == name }); i >= 0 {
		return f.variables[i]
	}
	return nil
}

// refersTo returns the names that a text refers to.
func refersTo(text string) []string {
	var names []string
	for _, parts := range reference.FindAllStringSubmatch(text, -1) {
		names = append(names, parts[1]+parts[2]+parts[4])
	}
	return names
}
