package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// newExitCodesTopic is `portcullis help exit-codes`.
func newExitCodesTopic() *cobra.Command {
	var b strings.Builder
	b.WriteString("Exit codes are stable:\n\n")
	for _, c := range exitCodes {
		fmt.Fprintf(&b, "  %2d  %-13s %s\n", c.code, c.name, c.meaning)
	}
	b.WriteString("\nportcullis exec ends with its command's own code, or with 125, 126 or 127: see its\nhelp. portcullis hook claude-code ends with 0 or 2, and nothing else.\n")
	b.WriteString("\nWith --json, an error is one line on standard error:\n\n" +
		`  {"error":{"code":"unreachable","exit":5,"what":"…","mend":"…"}}` + "\n")
	return &cobra.Command{Use: "exit-codes", Short: "What the exit codes mean", Long: b.String()}
}
