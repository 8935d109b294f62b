package policy_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/core/policy"
)

// tf writes one transfer policy.
func tf(effect, condition string) string {
	return fmt.Sprintf(`@id("x") %s(principal, action == Action::"transfer", resource) %s;`, effect, condition)
}

func TestFindings(t *testing.T) {
	tests := []struct {
		name, policies string
		want           string // "severity code line:column", separated by ", "
		says           string // part of the first finding
	}{
		{"nothing", zonePolicies, "warning arithmetic.overflow 13:1", "amount + 1"},
		{"no policies", "// nothing\n", "", ""},
		{"syntax", "\n  permit(principal, action);", "error syntax 2:28", "near"},
		{"unclosed string", "@id(\"a\npermit(principal, action, resource);", "error syntax 1:5", "not closed"},
		{"string to the end", `@id("a`, "error syntax 1:5", "not closed"},
		{"block comment", `/* no */`, "error syntax 1:1", "block comments"},
		{"no id", `forbid(principal, action, resource);`, "error id.missing 1:1", "@id"},
		{"empty id", `@id forbid(principal, action, resource);`, "error id.missing 1:1", ""},
		{"id with a space", `@id("a b") forbid(principal, action, resource);`, "error id.missing 1:1", `"a b"`},
		{"same id", "@id(\"a\") forbid(principal, action, resource);\n@id(\"a\") forbid(principal, action, resource) when { resource.id == \"x\" };", "error id.duplicate 2:1", "zone.cedar:1:1"},
		{"unknown annotation", `@id("a") @resaon("x") forbid(principal, action, resource);`, "error annotation.unknown 1:1", "@resaon"},
		{"approvals on a forbid", `@id("a") @approvals("1") forbid(principal, action, resource);`, "error annotation.approvals 1:1", ""},
		{"no approvals", strings.Replace(tf("permit", ""), `permit`, `@approvals("0") permit`, 1), "error annotation.approvals 1:1", ""},
		{"too many approvals", strings.Replace(tf("permit", ""), `permit`, `@approvals("17") permit`, 1), "error annotation.approvals 1:1", ""},
		{"approvals that are no number", strings.Replace(tf("permit", ""), `permit`, `@approvals("two") permit`, 1), "error annotation.approvals 1:1", ""},
		{"permit everything", `@id("a") permit(principal, action, resource);`, "error permit.everything 1:1", ""},
		{"permit every action by name", `@id("a") permit(principal, action in Action::"all", resource);`, "error permit.everything 1:1", ""},
		{"forbid everything", `@id("a") forbid(principal, action, resource);`, "", ""},

		{"unknown action", `@id("a") forbid(principal, action == Action::"tranfser", resource);`, "error type 1:1, error type 1:1", "unable to find"},
		{"the group of actions is no action", `@id("a") forbid(principal, action == Action::"all", resource);`, "error type 1:1", "applicable"},
		{"unknown resource type", `@id("a") forbid(principal, action, resource is Fiel);`, "error type 1:1, error type 1:1", ""},
		{"resource of another tool", `@id("a") forbid(principal, action == Action::"transfer", resource is File);`, "error type 1:1", "applicable"},
		{"unknown principal type", `@id("a") forbid(principal is User, action, resource);`, "error type 1:1, error type 1:1", ""},
		{"group as principal", `@id("a") forbid(principal == Group::"clerks", action, resource);`, "error type 1:1", ""},
		{"unknown group in scope", `@id("a") forbid(principal in Group::"clerk", action, resource);`, "error group.unknown 1:1", "write clerks?"},
		{"unknown group in a condition", tf("forbid", `unless { principal in [Group::"clerks", Group::"auditor"] }`), "error group.unknown 1:1", "write auditors?"},
		{"misspelt argument", tf("forbid", `when { context.arguments.amuont > 1 }`), "error type 1:1", "amuont"},
		{"misspelt limit", tf("forbid", `when { context.usage.dayly > 1 }`), "error type 1:1", "dayly"},
		{"optional without has", tf("forbid", `when { context.arguments.fee > 1 }`), "error type 1:1", "fee"},
		{"wrong type", tf("forbid", `when { context.arguments.amount == "1" }`), "error type 1:1", ""},
		{"condition that is no bool", tf("forbid", `when { context.arguments.amount }`), "error type 1:1", "Bool"},
		{"misspelt behind has", tf("forbid", `when { context.arguments has fe && context.arguments.fee > 1 }`), "error has.unknown 1:1", "write fee?"},
		{"misspelt principal behind has", tf("forbid", `unless { principal has taem }`), "error has.unknown 1:1", "write team?"},
		{"misspelt context behind has", tf("forbid", `when { context has delegater }`), "error has.unknown 1:1", "write delegator?"},
		{"misspelt limit behind has", tf("forbid", `when { context.usage has weekly }`), "error has.unknown 1:1", "write one of daily"},
		{"misspelt session behind has", tf("forbid", `when { context.session has sequense }`), "error has.unknown 1:1", "write sequence?"},
		{"attribute of the resource", tf("forbid", `when { resource has owner }`), "error has.unknown 1:1", "write one of id"},
		{"attribute of the action", tf("forbid", `when { action has id }`), "error has.unknown 1:1", "nothing to name"},
		{"declared by another tool only", tf("forbid", `when { context.arguments has path }`), "error has.unknown 1:1", ""},
		{"declared by some tool", `@id("x") forbid(principal, action, resource) when { context.arguments has path };`, "", ""},
		{"declared by no tool of the resource", `@id("x") forbid(principal, action, resource is Account) when { context.arguments has path };`, "error has.unknown 1:1", ""},
		{"dotted has", tf("forbid", `when { context has arguments.amount }`), "error caps.has 1:96", "dotted"},
		{"record literal", tf("forbid", `when { context.session == {sequence: 1} }`), "error record.literal 1:1", ""},

		{"forbid when false", tf("forbid", `when { false }`), "error never 1:1", "never applies"},
		{"forbid unless true", tf("forbid", `unless { true }`), "error never 1:1", "never applies"},
		{"permit when false", tf("permit", `when { 1 == 2 }`), "warning never 1:1", "never applies"},
		{"permit when true", tf("permit", `when { 1 < 2 }`), "warning constant 1:1", "no effect"},
		{"permit unless false", tf("permit", `unless { false }`), "warning constant 1:1", "no effect"},
		{"constant part", tf("permit", `when { context.arguments.amount < 5 && (false || true) }`), "warning constant 1:1", "`false || true` is always true"},
		{"a part that decides", tf("forbid", `when { context.arguments.amount < 5 && false }`), "error never 1:1", ""},
		{"compared with itself", tf("forbid", `when { context.arguments.amount != context.arguments.amount }`), "error never 1:1", ""},
		{"less than itself", tf("forbid", `when { context.arguments.amount < context.arguments.amount }`), "error never 1:1", ""},
		{"at most itself", tf("permit", `when { context.arguments.amount <= context.arguments.amount }`), "warning constant 1:1", ""},
		{"outside declared bounds", tf("forbid", `when { context.arguments has fee && context.arguments.fee > 100 }`), "error never 1:1", ""},
		{"inside declared bounds", tf("forbid", `when { context.arguments has fee && context.arguments.fee > 99 }`), "", ""},
		{"usage below zero", tf("forbid", `when { context.usage.daily < 0 }`), "error never 1:1", ""},
		{"clearance that nobody has", tf("forbid", `when { principal.clearance == 6 }`), "error never 1:1", ""},
		{"outside the enum", tf("forbid", `when { context.arguments.currency == "GBP" }`), "error never 1:1", ""},
		{"inside the enum", tf("forbid", `when { "EUR" == context.arguments.currency }`), "", ""},
		{"if with a constant condition", tf("forbid", `when { if true then false else principal.clearance > 1 }`), "error never 1:1", ""},
		{"if with an open condition", tf("forbid", `when { if principal.clearance > 1 then false else true }`), "warning constant 1:1, warning constant 1:1", ""},

		{"sum that overflows", tf("forbid", `when { context.arguments.amount + 1 > 5 }`), "warning arithmetic.overflow 1:1", "amount + 1"},
		{"difference that overflows", tf("forbid", `when { context.arguments.amount - 1 > 5 }`), "warning arithmetic.overflow 1:1", ""},
		{"product that overflows", tf("forbid", `when { context.usage.daily * 3 > 5 }`), "warning arithmetic.overflow 1:1", ""},
		{"negation that overflows", tf("forbid", `when { -context.arguments.amount > 5 }`), "warning arithmetic.overflow 1:1", ""},
		{"overflow inside an if", tf("forbid", `when { (if context.arguments.amount + 1 > 0 then 1 else 2) + 1 > 2 }`), "warning arithmetic.overflow 1:1", "amount + 1"},
		{"bounded sum", tf("forbid", `when { context.arguments has fee && context.usage.daily + context.arguments.fee * -3 > 5 }`), "", ""},
		{"time arithmetic", tf("forbid", `when { context.time - 3600 > 5 }`), "", ""},

		{"twins", "@id(\"a\") forbid(principal, action, resource is File);\n@id(\"b\") @reason(\"r\") forbid(principal, action, resource is File);", "warning policy.twin 2:1", `"a"`},
		{"not twins: other approvals", "@id(\"a\") permit(principal, action, resource is File);\n@id(\"b\") @approvals(\"1\") permit(principal, action, resource is File);", "", ""},
		{"several", "@id(\"a\") forbid(principal, action, resource is Fiel);\n@id(\"b\") @x forbid(principal, action, resource);", "error type 1:1, error type 1:1, error annotation.unknown 2:1", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := config(tt.policies)
			found := policy.Lint(cfg)
			var got []string
			failing := false
			for _, f := range found {
				got = append(got, fmt.Sprintf("%s %s %d:%d", f.Severity, f.Code, f.Position.Line, f.Position.Column))
				failing = failing || f.Severity == policy.SeverityError
				if f.Message == "" || f.Mend == "" || f.Position.File != "zone.cedar" {
					t.Errorf("incomplete finding %+v", f)
				}
			}
			if strings.Join(got, ", ") != tt.want {
				t.Fatalf("got %q, want %q\n%v", strings.Join(got, ", "), tt.want, found)
			}
			if tt.says != "" && !strings.Contains(found[0].String(), tt.says) {
				t.Errorf("%q does not say %q", found[0], tt.says)
			}
			set, err := policy.Compile(cfg)
			if (err != nil) != failing || (set == nil) != failing {
				t.Errorf("Compile returned %v and %v", set, err)
			}
		})
	}
}

func TestRegistryFindings(t *testing.T) {
	argument := func(a policy.Attribute) func(*policy.Config) {
		return func(c *policy.Config) { c.Tools[0].Arguments = append(c.Tools[0].Arguments, a) }
	}
	tests := []struct {
		name   string
		change func(*policy.Config)
		want   string
	}{
		{"nothing", func(*policy.Config) {}, ""},
		{"tool without name", func(c *policy.Config) { c.Tools[0].Name = "" }, "tool.name"},
		{"tool twice", func(c *policy.Config) { c.Tools[1].Name = c.Tools[0].Name }, "tool.duplicate"},
		{"no action", func(c *policy.Config) { c.Tools[0].Action = "" }, "tool.action"},
		{"the action all", func(c *policy.Config) { c.Tools[0].Action = "all" }, "tool.action"},
		{"shared action", func(c *policy.Config) { c.Tools[1].Action = c.Tools[0].Action }, "tool.action"},
		{"no resource type", func(c *policy.Config) { c.Tools[0].ResourceType = "" }, "tool.resource"},
		{"resource type Agent", func(c *policy.Config) { c.Tools[0].ResourceType = "Agent" }, "tool.resource"},
		{"resource type is", func(c *policy.Config) { c.Tools[0].ResourceType = "is" }, "tool.resource"},
		{"resource type with namespace", func(c *policy.Config) { c.Tools[0].ResourceType = "A::B" }, "tool.resource"},
		{"resource type with dash", func(c *policy.Config) { c.Tools[0].ResourceType = "A-B" }, "tool.resource"},
		{"attribute twice", argument(policy.Attribute{Name: "path", Type: policy.TypeString}), "attribute.duplicate"},
		{"attribute without type", argument(policy.Attribute{Name: "x"}), "attribute.type"},
		{"attribute of no type", argument(policy.Attribute{Name: "x", Type: 99}), "attribute.type"},
		{"attribute without name", argument(policy.Attribute{Type: policy.TypeLong}), "attribute.name"},
		{"attribute __entity", argument(policy.Attribute{Name: "__entity", Type: policy.TypeLong}), "attribute.name"},
		{"attribute with a digit first", argument(policy.Attribute{Name: "1x", Type: policy.TypeLong}), "attribute.name"},
		{"long name", argument(policy.Attribute{Name: strings.Repeat("x", 129), Type: policy.TypeLong}), "attribute.name"},
		{"length of a number", argument(policy.Attribute{Name: "x", Type: policy.TypeLong, MaxLength: 1}), "attribute.bounds"},
		{"negative length", argument(policy.Attribute{Name: "x", Type: policy.TypeString, MaxLength: -1}), "attribute.bounds"},
		{"length above the largest", argument(policy.Attribute{Name: "x", Type: policy.TypeString, MaxLength: 65537}), "attribute.bounds"},
		{"items of a string", argument(policy.Attribute{Name: "x", Type: policy.TypeString, MaxItems: 1}), "attribute.bounds"},
		{"items above the largest", argument(policy.Attribute{Name: "x", Type: policy.TypeLongSet, MaxItems: 1025}), "attribute.bounds"},
		{"bounds of a string", argument(policy.Attribute{Name: "x", Type: policy.TypeString, Min: new(int64(1))}), "attribute.bounds"},
		{"bounds crossed", argument(policy.Attribute{Name: "x", Type: policy.TypeLong, Min: new(int64(2)), Max: new(int64(1))}), "attribute.bounds"},
		{"enum of a number", argument(policy.Attribute{Name: "x", Type: policy.TypeLong, Enum: []string{"1"}}), "attribute.bounds"},
		{"limit twice", func(c *policy.Config) { c.Limits = []string{"a", "a"} }, "limit.duplicate"},
		{"group without name", func(c *policy.Config) { c.Groups = []string{""} }, "group.name"},
		{"limit without name", func(c *policy.Config) { c.Limits = []string{""} }, "limit.name"},
		{"principal attribute twice", func(c *policy.Config) {
			c.PrincipalAttributes = append(c.PrincipalAttributes, c.PrincipalAttributes[0])
		}, "attribute.duplicate"},
		{"too many attributes", func(c *policy.Config) {
			for i := range 65 {
				c.Tools[1].Context = append(c.Tools[1].Context, policy.Attribute{Name: fmt.Sprintf("a%d", i), Type: policy.TypeBool})
			}
		}, "attribute.count"},
		{"raised cap", func(c *policy.Config) { c.Caps.Nesting = 65 }, "caps.raised"},
		{"negative cap", func(c *policy.Config) { c.Caps.Policies = -1 }, "caps.raised"},
		{"too many tools", func(c *policy.Config) { c.Caps.Tools = 2 }, "caps.tools"},
		{"source without name", func(c *policy.Config) { c.Sources[0].Name = "" }, "source.name"},
		{"source twice", func(c *policy.Config) { c.Sources = append(c.Sources, policy.Source{Name: "zone.cedar"}) }, "source.name"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := config(`@id("x") forbid(principal, action, resource);`)
			tt.change(&cfg)
			_, err := policy.Compile(cfg)
			if tt.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			var problems policy.Problems
			if !errors.As(err, &problems) || !slices.ContainsFunc(problems, func(f policy.Finding) bool { return f.Code == tt.want }) {
				t.Fatalf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestCaps(t *testing.T) {
	condition := func(s string) string { return tf("forbid", "when { "+s+" }") }
	deep := func(n int) string {
		return condition(strings.Repeat("(", n) + "principal.clearance > 1" + strings.Repeat(")", n))
	}
	tests := []struct {
		name, policies string
		caps           policy.Caps
		want           string
	}{
		{"nested as deep as allowed", deep(63), policy.Caps{}, ""},
		{"nested too deep", deep(64), policy.Caps{}, "caps.nesting"},
		{"nested far too deep", condition(strings.Repeat("(", 1<<20)), policy.Caps{}, "caps.nesting"},
		{"brackets", condition(strings.Repeat("[", 1<<20)), policy.Caps{}, "caps.nesting"},
		{"braces", condition(strings.Repeat("{a:", 1<<20)), policy.Caps{}, "caps.nesting"},
		{"not", condition(strings.Repeat("!", 1<<20) + "true"), policy.Caps{}, "caps.nesting"},
		{"minus", condition(strings.Repeat("- ", 1<<20) + "1 > 0"), policy.Caps{}, "caps.nesting"},
		{"ifs", condition(strings.Repeat("if true then ", 1<<16) + "true"), policy.Caps{}, "caps.nesting"},
		{"closing first", ")))))" + deep(64), policy.Caps{}, "caps.nesting"},
		{"brackets in a string", condition(`resource.id == "` + strings.Repeat("(", 4000) + `"`), policy.Caps{}, ""},
		{"brackets in a comment", "// " + strings.Repeat("(", 5000) + "\n" + condition("principal.clearance > 1"), policy.Caps{}, ""},
		{"comment sign in a string", condition(`resource.id == "//` + strings.Repeat("(", 80) + `"`), policy.Caps{}, ""},
		{"quote in a comment", "// \" \n" + deep(64), policy.Caps{}, "caps.nesting"},
		{"escaped quote", condition(`resource.id == "\"" && ` + strings.Repeat("(", 64)), policy.Caps{}, "caps.nesting"},
		{"chain of ors", condition("principal.clearance > 1" + strings.Repeat(" || principal.clearance > 1", 5000)), policy.Caps{}, "caps.tokens"},
		{"chain of dots", condition("context" + strings.Repeat(".a", 5000)), policy.Caps{}, "caps.tokens"},
		{"dotted has, nested", condition(strings.Repeat("(", 40) + "context" + strings.Repeat(" has a.b)", 40)), policy.Caps{}, "caps.has"},
		{"long string", condition(`resource.id == "` + strings.Repeat("a", 4097) + `"`), policy.Caps{}, "caps.text"},
		{"string as long as allowed", condition(`resource.id == "` + strings.Repeat("a", 4096) + `"`), policy.Caps{}, ""},
		{"file", deep(1), policy.Caps{FileBytes: 20}, "caps.file"},
		{"sources", deep(1), policy.Caps{SourceBytes: 20}, "caps.sources"},
		{"policies", "@id(\"a\") forbid(principal, action, resource);\n" + deep(1), policy.Caps{Policies: 1}, "caps.policies"},
		{"lowered nesting", deep(10), policy.Caps{Nesting: 10}, "caps.nesting"},
		{"lowered input", deep(1), policy.Caps{InputBytes: 10}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := config(tt.policies)
			cfg.Caps = tt.caps
			_, err := policy.Compile(cfg)
			var problems policy.Problems
			switch {
			case tt.want == "" && err != nil:
				t.Fatal(err)
			case tt.want != "" && (!errors.As(err, &problems) || problems[0].Code != tt.want):
				t.Fatalf("got %v, want %s", err, tt.want)
			}
		})
	}
	cfg := config(permitAll)
	cfg.Caps.InputBytes = 10
	if got := mustCompile(t, cfg).Evaluate(transfer(1)); got.Code != policy.ArgumentsInvalid {
		t.Errorf("arguments above the lowered cap: %+v", got)
	}
}

// TestProblemsAreWhole checks that one compilation tells everything, that the
// order does not depend on chance, and that a line can be read.
func TestProblemsAreWhole(t *testing.T) {
	cfg := config("@id(\"a\") @b forbid(principal in Group::\"clerk\", action == Action::\"x\", resource is Fiel);")
	cfg.Sources = append(cfg.Sources, policy.Source{Name: "b.cedar", Text: "permit"}, policy.Source{Name: "a.cedar", Text: "\npermit(principal, action, resource);"})
	_, first := policy.Compile(cfg)
	for range 20 {
		if _, err := policy.Compile(cfg); err.Error() != first.Error() {
			t.Fatalf("two errors:\n%v\n\n%v", first, err)
		}
	}
	for _, want := range []string{"a.cedar:2:1: error: the policy has no usable @id", "b.cedar:", `zone.cedar:1:1: error: policy "a": the annotation @b`, "[group.unknown]", "[type]", "[syntax]"} {
		if !strings.Contains(first.Error(), want) {
			t.Errorf("no %q in\n%v", want, first)
		}
	}
}

// FuzzCompile checks that no source makes Compile panic or hang, and that what
// compiles evaluates.
func FuzzCompile(f *testing.F) {
	for _, seed := range []string{zonePolicies, tf("forbid", `when { context.arguments has fee && -context.arguments.fee < 1 }`), tf("permit", `when { if true then [1,2].contains(1) else decimal("1.0").lessThan(decimal("2.0")) }`), "@id(\"", "/*", "@@", `@id("a") permit(principal is Agent in Group::"clerks", action in [Action::"transfer"], resource is Account in Account::"a");`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, source string) {
		cfg := config(source)
		cfg.Caps = policy.Caps{FileBytes: 8 << 10}
		set, err := policy.Compile(cfg)
		if err != nil {
			var problems policy.Problems
			if !errors.As(err, &problems) || len(problems) == 0 {
				t.Fatalf("an error without problems: %v", err)
			}
			return
		}
		got := set.Evaluate(transfer(5))
		if got.Code == policy.Unevaluated || got.Code == policy.InternalError {
			t.Fatalf("%+v", got)
		}
		if a, b := set.Explain(transfer(5)).String(), set.Explain(transfer(5)).String(); a != b {
			t.Fatalf("two explanations:\n%s\n\n%s", a, b)
		}
	})
}
