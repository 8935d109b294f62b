package engine

import (
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestDefaultsAreALoad(t *testing.T) {
	if err := Defaults().Check(); err != nil {
		t.Error(err)
	}
}

func TestWhatMakesNoLoadIsRefused(t *testing.T) {
	if (Params{}).Check() == nil {
		t.Error("the zero value is a load")
	}
	for flag, change := range map[string]func(*Params){
		"agents":         func(p *Params) { p.Agents = 0 },
		"tools":          func(p *Params) { p.Tools = maxTools + 1 },
		"policies":       func(p *Params) { p.Policies = -1 },
		"enforcers":      func(p *Params) { p.Enforcers = 0 },
		"executors":      func(p *Params) { p.Executors = maxOfARole + 1 },
		"k":              func(p *Params) { p.K = p.Enforcers + 1 },
		"list":           func(p *Params) { p.MaxList = -1 },
		"outstanding":    func(p *Params) { p.Outstanding = 0 },
		"argument-bytes": func(p *Params) { p.ArgumentBytes = maxArguments + 1 },
		"replicas":       func(p *Params) { p.Replicas = 2 },
		"rate":           func(p *Params) { p.Rate = math.NaN() },
		"cost-cpu":       func(p *Params) { p.Cost.CPU = -1 },
		"cost-sleep":     func(p *Params) { p.Cost.Sleep = time.Hour },
		"warmup":         func(p *Params) { p.Warmup = -time.Second },
		"duration":       func(p *Params) { p.Duration = 0 },
		"timeout":        func(p *Params) { p.Timeout = 2 * time.Minute },
		"grants":         func(p *Params) { p.Agents, p.Tools = 10_000, 100 },
	} {
		p := Defaults()
		change(&p)
		if err := p.Check(); err == nil || !strings.Contains(err.Error(), flag) {
			t.Errorf("%s: %v", flag, err)
		}
	}
}

// TestEveryParameterIsTold: two loads that differ say so in a result.
func TestEveryParameterIsTold(t *testing.T) {
	p := Defaults()
	told := func(p Params) string {
		var b strings.Builder
		for _, one := range p.List() {
			b.WriteString(one.Name + "=" + one.Value + "\n")
		}
		return b.String()
	}
	v := reflect.ValueOf(&p).Elem()
	for i := range v.NumField() {
		before, name := told(p), v.Type().Field(i).Name
		kept := reflect.ValueOf(v.Field(i).Interface())
		switch f := v.Field(i); f.Kind() {
		case reflect.Bool:
			f.SetBool(!f.Bool())
		case reflect.Int, reflect.Int64:
			f.SetInt(f.Int() + 7)
		case reflect.Float64:
			f.SetFloat(f.Float() + 7)
		case reflect.Struct:
			f.Set(reflect.ValueOf(Cost{1, 2}))
		case reflect.Uint64:
			continue // the seed: a result has it beside its parameters
		default:
			t.Fatalf("%s: a kind that this test does not know", name)
		}
		if told(p) == before {
			t.Errorf("%s is not told", name)
		}
		v.Field(i).Set(kept)
	}
}

func TestTheSameSeedAsksForTheSame(t *testing.T) {
	p := Defaults()
	sequence := func(seed uint64) (all []Ask) {
		random, asks := rand.New(rand.NewPCG(seed, requests)), p.Uniform()
		for range 200 {
			all = append(all, asks(random))
		}
		return all
	}
	if !reflect.DeepEqual(sequence(1), sequence(1)) {
		t.Error("one seed gave two sequences")
	}
	if reflect.DeepEqual(sequence(1), sequence(2)) {
		t.Error("two seeds gave one sequence")
	}
}

func TestArgumentsHaveTheirSize(t *testing.T) {
	for _, n := range []int{0, 11, 12, 64, maxArguments} {
		p := Params{ArgumentBytes: n}
		if got := len(p.arguments()); got != max(n, len(`{"text":""}`)) {
			t.Errorf("%d bytes were asked for, and there are %d", n, got)
		}
	}
}
