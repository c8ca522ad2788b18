package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"
)

// The forms of the output.
const (
	outputText = "text"
	outputWide = "wide"
	outputJSON = "json"
	outputYAML = "yaml"
)

// outputVersion is the version of what -o json and -o yaml print. Fields are
// added within a version, and never renamed.
const outputVersion = "cli.holdfast.dev/v1"

// header says what an output in JSON or YAML is.
type header struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
}

func headerOf(kind string) header { return header{APIVersion: outputVersion, Kind: kind} }

// outputFlag adds the flag -o with the forms that a command has.
func outputFlag(cmd *cobra.Command, output *string, forms ...string) {
	cmd.Flags().StringVarP(output, "output", "o", outputText, "form of the output: "+strings.Join(forms, ", "))
	// The flag is the command's own, so that this cannot fail.
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(forms, cobra.ShellCompDirectiveNoFileComp))
	check := cmd.PreRunE
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error {
		if !slices.Contains(forms, *output) {
			return fmt.Errorf("--output %q: want %s", *output, strings.Join(forms, ", "))
		}
		if check != nil {
			return check(cmd, args)
		}
		return nil
	}
}

// present prints a report: as text, by its own means, or as JSON or YAML.
func present(w io.Writer, output string, report any, text func(screen, *strings.Builder)) error {
	switch output {
	case outputJSON:
		encoder := json.NewEncoder(w)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(report)
	case outputYAML:
		data, err := yaml.Marshal(report)
		if err != nil {
			return err
		}
		_, err = w.Write(data)
		return err
	default:
		var out strings.Builder
		text(screenOf(w), &out)
		_, err := io.WriteString(w, out.String())
		return err
	}
}
