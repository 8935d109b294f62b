package report

import (
	"github.com/portcullis-dev/portcullis/loadtest/result"
)

// timeSection is the run second by second, phases after each other.
func timeSection(r *result.Result) Section {
	seconds := Axis{Title: "seconds of the measurement", Text: Number}
	t := Table{Caption: "Second by second", Columns: append([]Column{Words("second"), Words("phase")}, Figures("sent", "answered", "p50", "p99", "memory")...), Detail: true}
	var sent, answered, p50, p99, memory []XY
	for i := range r.Phases {
		for _, p := range r.Phases[i].Series {
			sent, answered = append(sent, XY{p.Second, float64(p.Sent)}), append(answered, XY{p.Second, float64(p.Answered)})
			p50, p99 = append(p50, XY{p.Second, float64(p.P50)}), append(p99, XY{p.Second, float64(p.P99)})
			if p.Memory > 0 {
				memory = append(memory, XY{p.Second, float64(p.Memory)})
			}
			t.Rows = append(t.Rows, []string{
				Number(p.Second), r.Phases[i].Name, Counted(p.Sent), Counted(p.Answered), Measured(p.P50), Measured(p.P99), Volume(float64(p.Memory)),
			})
		}
	}
	s := Section{Title: "Over time", Tables: []Table{t}, Plots: []Plot{
		Lines{
			Title: "Actions in each second", Desc: "How many actions were sent and how many answered, second by second.",
			X: seconds, Y: Axis{Title: "actions", Text: Number}, Series: []Series{{"sent", sent}, {"answered", answered}},
		},
		Lines{
			Title: "Latency in each second", Desc: "Median and 99th percentile, second by second.",
			X: seconds, Y: latencyAxis, Series: []Series{{"p50", p50}, {"p99", p99}},
		},
	}}
	if len(memory) > 0 {
		s.Plots = append(s.Plots, Lines{
			Title: "Memory", Desc: "Resident memory of everything measured, second by second.",
			X: seconds, Y: BytesAxis("resident", memory), Series: []Series{{"memory", memory}},
		})
	}
	return s
}
