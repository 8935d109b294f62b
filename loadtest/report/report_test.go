package report_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/loadtest/report"
	"github.com/portcullis-dev/portcullis/loadtest/result"
)

func samples() map[string]*result.Result {
	return map[string]*result.Result{"steady": steady(), "ramp": ramp(), "hostile": hostile(), "empty": {}}
}

func TestWhatFailedStandsFirst(t *testing.T) {
	unaudited, unmeasured, unnamed := steady(), steady(), steady()
	unaudited.Audit.Records, unmeasured.Phases = 0, nil
	unnamed.Expected = []result.Check{{}}
	tests := map[string]struct {
		r     *result.Result
		first string
		why   []string
	}{
		"holds":         {steady(), "HOLDS: steady", []string{"2 checks hold; the audit of 80,123 records found nothing"}},
		"checks, audit": {ramp(), "DOES NOT HOLD: ramp", []string{"failed: the knee is at 6,000", "the audit found: outcome.rogue"}},
		"not audited":   {unaudited, "DOES NOT HOLD: steady", []string{"was not audited"}},
		"not measured":  {unmeasured, "DOES NOT HOLD: steady", []string{"nothing was measured"}},
		"empty check":   {unnamed, "DOES NOT HOLD: steady", []string{"found: nothing"}},
		"nothing":       {&result.Result{}, "DOES NOT HOLD: a run without a name", []string{"nothing was measured", "was not audited"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			lines := strings.Split(string(written(t, report.Text, test.r)), "\n")
			if lines[0] != test.first {
				t.Errorf("the text begins with %q, want %q", lines[0], test.first)
			}
			page := string(written(t, report.HTML, test.r))
			_, body, _ := strings.Cut(page, "<body>")
			head, _, _ := strings.Cut(body, "<h2>")
			for i, why := range test.why {
				if !strings.Contains(lines[i+1], why) {
					t.Errorf("line %d of the text is %q, want %q in it", i+1, lines[i+1], why)
				}
				if !strings.Contains(head, why) {
					t.Errorf("the page does not say %q before everything else", why)
				}
			}
			verdict, _, _ := strings.Cut(test.first, ":")
			if !strings.Contains(head, "</span> "+verdict+"</p>") {
				t.Errorf("the page's verdict is not %q", verdict)
			}
		})
	}
}

func TestALineHasAtMostAHundredColumns(t *testing.T) {
	for name, r := range samples() {
		for line := range strings.SplitSeq(string(written(t, report.Text, r)), "\n") {
			if n := utf8.RuneCountInString(line); n > 100 {
				t.Errorf("%s: %d columns: %s", name, n, line)
			}
		}
	}
}

func TestNothingMovesATerminal(t *testing.T) {
	for name, report := range map[string][]byte{"text": written(t, report.Text, hostile()), "page": written(t, report.HTML, hostile())} {
		if bytes.ContainsAny(report, "\x1b\x00\u202e") {
			t.Errorf("control characters in the %s", name)
		}
	}
}

// elements are all that a page is made of: nothing that runs, loads or leads away.
var elements = strings.Fields(`html head meta title style body main header h1 h2 p section span ul li dl div dt dd figure figcaption svg desc line rect path circle text
	table thead tbody tr th td details summary`)

var (
	tag       = regexp.MustCompile(`<([a-zA-Z][a-zA-Z0-9]*)((?:[^>"]|"[^"]*")*)>`)
	attribute = regexp.MustCompile(`([a-zA-Z:-]+)="`)
)

func TestThePageRunsAndLoadsNothing(t *testing.T) {
	attributes := strings.Fields(`lang charset http-equiv content name class aria-label aria-hidden aria-labelledby role tabindex viewBox id scope
		x y x1 y1 x2 y2 cx cy r rx d width height`)
	for name, r := range samples() {
		page := string(written(t, report.HTML, r))
		tags := tag.FindAllStringSubmatch(page, -1)
		if len(tags) < 20 {
			t.Fatalf("%s: only %d tags found", name, len(tags))
		}
		for _, m := range tags {
			if !slices.Contains(elements, m[1]) {
				t.Errorf("%s: element %s", name, m[0])
			}
			for _, a := range attribute.FindAllStringSubmatch(m[2], -1) {
				if !slices.Contains(attributes, a[1]) {
					t.Errorf("%s: attribute %s of %s", name, a[1], m[0])
				}
			}
		}
		if strings.Contains(page, "://") || strings.Contains(page, "@import") || strings.Contains(page, "url(") {
			t.Errorf("%s: the page names something elsewhere", name)
		}
		if !strings.Contains(page, `content="default-src &#39;none&#39;; style-src &#39;sha256-`) {
			t.Errorf("%s: the page has no policy", name)
		}
	}
}

// TestEveryDrawingIsWellFormed: each has a title and a description of its own, and stands beside a table.
func TestEveryDrawingIsWellFormed(t *testing.T) {
	for name, r := range samples() {
		page := string(written(t, report.HTML, r))
		rest, drawn := page, 0
		for {
			_, after, found := strings.Cut(rest, "<svg ")
			if !found {
				break
			}
			inside, tail, closed := strings.Cut(after, "</svg>")
			if !closed {
				t.Fatalf("%s: a drawing does not end", name)
			}
			checkDrawing(t, name, "<svg "+inside+"</svg>")
			rest, drawn = tail, drawn+1
		}
		if want := strings.Count(page, "<figure>"); drawn != want {
			t.Errorf("%s: %d drawings in %d figures", name, drawn, want)
		}
		for section := range strings.SplitSeq(page, "<section>") {
			if strings.Contains(section, "<svg ") && !strings.Contains(section, "<table>") {
				t.Errorf("%s: a drawing without a table: %.80s", name, section)
			}
		}
	}
}

func checkDrawing(t *testing.T, name, text string) {
	t.Helper()
	decoder, ids := xml.NewDecoder(strings.NewReader(text)), 0
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%s: %v in %.200s", name, err, text)
		}
		if e, ok := token.(xml.StartElement); ok && (e.Name.Local == "title" || e.Name.Local == "desc") && len(e.Attr) == 1 && strings.Contains(text, e.Attr[0].Value) {
			ids++
		}
	}
	if ids != 2 {
		t.Errorf("%s: a drawing has %d of title and description: %.200s", name, ids, text)
	}
}

// TestAnyFigureCanBeShown: also those that no run can have; nothing is NaN, and every shape stays on its paper.
func TestAnyFigureCanBeShown(t *testing.T) {
	coordinate := regexp.MustCompile(` (?:x|y|x1|x2|y1|y2|cx|cy)="(-?[0-9.]*|[^"]*)"`)
	number := regexp.MustCompile(`^[0-9]{1,4}\.[0-9]$`)
	rapid.Check(t, func(t *rapid.T) {
		r := anyResult(t)
		var text, page bytes.Buffer
		if err := errors.Join(report.Text(&text, r), report.HTML(&page, r), report.Compare(io.Discard, []*result.Result{r, steady()}), report.CompareHTML(&page, []*result.Result{r})); err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{"NaN", "Inf", "%!"} {
			if strings.Contains(text.String(), bad) || strings.Contains(page.String(), bad) {
				t.Fatalf("%s in a report of %+v", bad, r)
			}
		}
		for _, m := range coordinate.FindAllStringSubmatch(page.String(), -1) {
			if !number.MatchString(m[1]) {
				t.Fatalf("coordinate%s", m[0])
			}
		}
		if got := strings.HasPrefix(text.String(), "HOLDS"); got != r.Holds() {
			t.Fatalf("the text says %q of a result that holds: %v", text.String()[:20], r.Holds())
		}
	})
}

func anyResult(t *rapid.T) *result.Result {
	float := rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{0, math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, math.SmallestNonzeroFloat64, -1}))
	natural := rapid.OneOf(rapid.Uint64(), rapid.SampledFrom([]uint64{0, 1, math.MaxUint64}))
	duration := func(label string) time.Duration {
		return time.Duration(rapid.OneOf(rapid.Int64(), rapid.SampledFrom([]int64{0, 1, -1, math.MaxInt64, math.MinInt64})).Draw(t, label))
	}
	r := steady()
	r.Took = duration("took")
	r.Ledger.BytesPerAction = float.Draw(t, "bytes per action")
	r.Audit.Records = natural.Draw(t, "records")
	r.Expected[0].Holds = rapid.Bool().Draw(t, "holds")
	r.Phases = nil
	for range rapid.IntRange(0, 5).Draw(t, "phases") {
		p := phaseOf("any", 100, 100, 1, 0)
		p.Offered, p.Achieved, p.Sent = float.Draw(t, "offered"), float.Draw(t, "achieved"), natural.Draw(t, "sent")
		p.Outcomes[0].Count = natural.Draw(t, "count")
		s := &p.Stages[rapid.IntRange(0, 5).Draw(t, "stage")]
		s.Samples, s.P50, s.P99 = natural.Draw(t, "samples"), duration("p50"), duration("p99")
		s.Curve[3] = result.Quantile{Percentile: float.Draw(t, "percentile"), Value: duration("value")}
		p.Series[2] = result.Point{Second: float.Draw(t, "second"), Sent: natural.Draw(t, "sent"), P99: duration("p99"), Memory: natural.Draw(t, "memory")}
		r.Phases = append(r.Phases, p)
	}
	r.Roles[1] = result.Role{Name: "any", Processes: rapid.Int().Draw(t, "processes"), CPU: duration("cpu"), PerAction: duration("per action"), Memory: natural.Draw(t, "memory")}
	return r
}

func TestThereMustBeAResult(t *testing.T) {
	for name, err := range map[string]error{
		"text": report.Text(io.Discard, nil), "page": report.HTML(io.Discard, nil), "no run": report.Compare(io.Discard, nil),
		"one missing": report.CompareHTML(io.Discard, []*result.Result{steady(), nil}),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// broken is a disk that is full.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestAWriterThatFailsIsTold(t *testing.T) {
	for name, err := range map[string]error{"text": report.Text(broken{}, steady()), "page": report.HTML(broken{}, steady())} {
		if !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAComparisonHoldsOnlyIfEachRunDoes(t *testing.T) {
	if text := string(written(t, report.Compare, []*result.Result{steady(), steady()})); !strings.HasPrefix(text, "HOLDS") {
		t.Errorf("two runs that hold: %s", text)
	}
	text := string(written(t, report.Compare, compared()))
	for _, want := range []string{"DOES NOT HOLD: comparison\n  - ramp: failed: the knee", "NOT ALIKE", "steady #2"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
