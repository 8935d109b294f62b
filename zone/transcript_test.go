package zone_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the transcripts with what happens")

// TestTranscripts runs each script in testdata with the real services on an
// embedded broker and compares what the ledger tells, what agents hear and what
// executors do with what the script says. The scripts are the readable
// specification; transcript_script_test.go lists their directives.
//
// A transcript leaves out what is chance: pulses, the signers' order among equal
// votes, votes beyond the quorum, how items were cut into lists, digests.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts in testdata: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			runTranscript(t, file)
		})
	}
}

func runTranscript(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	w := &stage{t: t}
	var actual strings.Builder
	for _, block := range parseScript(string(text)) {
		said := w.play(block)
		if said != block.want && !*update {
			t.Fatalf("%s:%d: got\n%s\nwant\n%s", file, block.line, said, block.want)
		}
		fmt.Fprintf(&actual, "%s\n----\n%s\n", strings.Join(block.head, "\n"), said)
	}
	if *update {
		if err := os.WriteFile(file, []byte(strings.TrimSuffix(actual.String(), "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// block is some directives and what they lead to.
type block struct {
	line int      // in the file, of the first line of head
	head []string // directives, comments and empty lines, as written
	want string   // the lines after ----, each with its newline
}

// parseScript cuts a script into blocks: lines up to "----", then what is
// expected up to an empty line.
func parseScript(text string) []block {
	var blocks []block
	now, inWant := block{line: 1}, false
	for i, line := range strings.Split(text, "\n") {
		switch {
		case inWant && line == "":
			blocks = append(blocks, now)
			now, inWant = block{line: i + 2}, false
		case inWant:
			now.want += line + "\n"
		case line == "----":
			inWant = true
		default:
			now.head = append(now.head, line)
		}
	}
	if inWant {
		blocks = append(blocks, now)
	}
	return blocks
}
