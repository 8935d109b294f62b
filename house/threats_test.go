package house

import (
	"fmt"
	"go/ast"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// threatModel is the document of threats; its tables are checked here.
const threatModel = "docs/threat-model.md"

// A table of threats has these columns.
var threatColumns = []string{"", "threat", "control", "test", "what is left"}

// testName is a test as the document names it: its folder, a point, its function.
var testName = regexp.MustCompile("`([a-z0-9/]+)\\.((?:Test|Fuzz)[A-Za-z0-9_]*)`")

// threatID is a row's name: a letter for the actor and a number.
var threatID = regexp.MustCompile(`^[A-Z][1-9][0-9]*$`)

// TestThreatModel: every threat has a control that exists, a test that exists, and
// says what is left of it.
func TestThreatModel(t *testing.T) {
	root := os.DirFS("..")
	text, err := fs.ReadFile(root, threatModel)
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range threatFaults(root, string(text), testsOf(repository(t))) {
		t.Error(fault)
	}
}

// testsOf are all test functions and fuzz targets, as dir.Name.
func testsOf(sources []source) map[string]bool {
	found := map[string]bool{}
	for _, s := range sources {
		for _, name := range testFunctions(s) {
			found[s.dir()+"."+name] = true
		}
	}
	return found
}

// testFunctions are the tests and fuzz targets of one file.
func testFunctions(s source) (names []string) {
	if !s.isTest() {
		return nil
	}
	for _, d := range s.syntax.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && (strings.HasPrefix(f.Name.Name, "Test") || strings.HasPrefix(f.Name.Name, "Fuzz")) {
			names = append(names, f.Name.Name)
		}
	}
	return names
}

// threatFaults checks every row of every table of threats, and every test that is
// named anywhere in the document.
func threatFaults(root fs.FS, text string, tests map[string]bool) (faults []string) {
	for _, named := range testName.FindAllStringSubmatch(text, -1) {
		if name := named[1] + "." + named[2]; !tests[name] {
			faults = append(faults, fmt.Sprintf("the test %s does not exist", name))
		}
	}
	seen, rows := map[string]bool{}, 0
	for _, cells := range threatRows(text) {
		rows++
		if len(cells) != len(threatColumns) {
			faults = append(faults, fmt.Sprintf("the row %q has %d cells, and the table %d", cells, len(cells), len(threatColumns)))
			continue
		}
		id := cells[0]
		if !threatID.MatchString(id) || seen[id] {
			faults = append(faults, fmt.Sprintf("%q is no name of a threat, or stands twice", id))
		}
		seen[id] = true
		faults = append(faults, rowFaults(root, id, cells)...)
	}
	if rows == 0 {
		faults = append(faults, "the document names no threat")
	}
	return faults
}

func rowFaults(root fs.FS, id string, cells []string) (faults []string) {
	for i, cell := range cells {
		if cell == "" {
			faults = append(faults, fmt.Sprintf("%s says nothing in the column %q", id, threatColumns[i]))
		}
	}
	controls := relativeLinks(cells[2])
	if len(controls) == 0 {
		faults = append(faults, fmt.Sprintf("%s links to no control", id))
	}
	for _, control := range controls {
		if _, err := fs.Stat(root, path.Join(path.Dir(threatModel), control)); err != nil {
			faults = append(faults, fmt.Sprintf("%s: the control %s is not there: %v", id, control, err))
		}
	}
	if !testName.MatchString(cells[3]) {
		faults = append(faults, fmt.Sprintf("%s names no test; write `folder.TestName`", id))
	}
	return faults
}

// threatRows are the rows of all tables with the columns of threats.
func threatRows(text string) (rows [][]string) {
	within := false
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "|") {
			within = false
			continue
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case slices.Equal(cells, threatColumns):
			within = true
		case within && strings.Trim(strings.Join(cells, ""), "-") != "":
			rows = append(rows, cells)
		}
	}
	return rows
}

// TestThreatRulesBite: each way in which a row can be hollow is found.
func TestThreatRulesBite(t *testing.T) {
	const head = "|  | threat | control | test | what is left |\n|---|---|---|---|---|\n"
	const good = "| A1 | it lies | [fold](../core/fold.go) refuses | `core.TestFold` | nothing |\n"
	root := fstest.MapFS{"core/fold.go": {}}
	tests := map[string]bool{"core.TestFold": true}
	for name, test := range map[string]struct{ text, want string }{
		"good":                   {head + good, ""},
		"another table":          {head + good + "\n| a | b |\n|---|---|\n| c | |\n", ""},
		"no table":               {"# Threats\n", "names no threat"},
		"no test":                {head + strings.Replace(good, "`core.TestFold`", "by eye", 1), "A1 names no test"},
		"a test that is gone":    {head + strings.Replace(good, "TestFold", "TestGone", 1), "core.TestGone does not exist"},
		"a test in prose":        {head + good + "\nSee `core.TestGone`.\n", "core.TestGone does not exist"},
		"no control":             {head + strings.Replace(good, "[fold](../core/fold.go)", "fold", 1), "A1 links to no control"},
		"a control that is gone": {head + strings.Replace(good, "fold.go", "gone.go", 1), "gone.go is not there"},
		"nothing left":           {head + strings.Replace(good, "| nothing |", "|  |", 1), `says nothing in the column "what is left"`},
		"twice":                  {head + good + good, "stands twice"},
		"no name":                {head + strings.Replace(good, "A1", "one", 1), "no name of a threat"},
		"too few cells":          {head + "| A1 | it lies |\n", "has 2 cells"},
	} {
		t.Run(name, func(t *testing.T) {
			expectAny(t, threatFaults(root, test.text, tests), test.want)
		})
	}
}
