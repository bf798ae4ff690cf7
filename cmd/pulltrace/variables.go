package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"
)

// variables names the variables of a flag. The first one that is there counts.
func variables(flag string) []string {
	names := []string{"PULLTRACE_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))}
	if flag == "node-name" {
		names = append(names, "K8S_NODE_NAME")
	}
	return names
}

// readVariables sets the flags that were not given as their variables say.
func readVariables(flags *pflag.FlagSet) (err error) {
	flags.VisitAll(func(f *pflag.Flag) {
		if err == nil && !f.Changed {
			err = readVariable(flags, f)
		}
	})
	return err
}

func readVariable(flags *pflag.FlagSet, f *pflag.Flag) error {
	for _, name := range variables(f.Name) {
		value, ok := os.LookupEnv(name)
		if !ok {
			continue
		}
		if value == "" {
			switch f.Value.Type() {
			case "string": // has an empty value
			case "bool":
				value = "false"
			default: // as if it were not there
				return nil
			}
		}
		if err := flags.Set(f.Name, value); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	}
	return nil
}
