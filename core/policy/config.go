package policy

// Source is one policy file of a release.
type Source struct {
	Name string // shown in findings, unique among the sources
	Text string // Cedar policies, UTF-8
}

// Type is the type of an attribute. The zero Type is refused by [Compile].
type Type uint8

// The types that attributes may have. Their JSON forms are given in brackets.
const (
	TypeUndeclared Type = iota
	TypeString          // [string]
	TypeLong            // [number that is exactly a 64-bit integer, written without point or exponent]
	TypeBool            // [true or false]
	TypeStringSet       // [array of strings; order and repetition do not matter]
	TypeLongSet         // [array of such numbers]
	TypeDecimal         // [string such as "12.50": at most four places after the point]
	TypeJSON            // [any value; policies see its text, as it was written, as a String]
)

// String returns the Cedar spelling of the type.
func (t Type) String() string {
	switch t {
	case TypeString:
		return "String"
	case TypeLong:
		return "Long"
	case TypeBool:
		return "Bool"
	case TypeStringSet:
		return "Set<String>"
	case TypeLongSet:
		return "Set<Long>"
	case TypeDecimal:
		return "decimal"
	case TypeJSON:
		return "JSON"
	case TypeUndeclared:
	}
	return "undeclared"
}

// Attribute declares one attribute of a tool's arguments, of an intent's
// environment or of a principal.
type Attribute struct {
	Name     string // letters, digits, '_', '-', '.'; starts with a letter or '_'
	Type     Type
	Required bool

	MaxLength int      // bytes of a string, of each member of a set of strings or of a JSON value; 0 means 65,536
	MaxItems  int      // members of a set as written; 0 means 1,024
	Min, Max  *int64   // inclusive bounds of a Long or of each member of a set of Longs; nil means none
	Enum      []string // the only strings allowed, when not empty
}

// Tool declares one tool of the registry and thereby one Cedar action.
type Tool struct {
	Name         string // what intents name as their tool
	Action       string // Cedar action id, unique among the tools
	ResourceType string // Cedar entity type of the tool's resources: one identifier
	Arguments    []Attribute
	Context      []Attribute // becomes context.environment
}

// Config is what a release says about policy. Nothing in it is optional
// verification: an empty Config compiles to a Set that denies everything.
type Config struct {
	Sources             []Source
	Tools               []Tool
	PrincipalAttributes []Attribute
	Limits              []string // limit ids; each appears as the Long context.usage.<id>
	Groups              []string // every group of the directory; nil when the directory is not known
	Caps                Caps
}

// Caps bound what is accepted. A zero field means the largest value allowed,
// which is given beside it; a release may lower a cap and never raise it.
type Caps struct {
	SourceBytes  int // all sources together: 16 MiB
	FileBytes    int // one source: 8 MiB
	Policies     int // all sources together: 20,000
	PolicyTokens int // one policy; bounds the depth of its syntax tree: 4,096
	Nesting      int // brackets, ifs and runs of ! or - inside each other: 64
	TextBytes    int // one string literal: 4,096
	InputBytes   int // the arguments, or the context, of one request: 65,536
	Tools        int // 4,096
}

var largestCaps = Caps{
	SourceBytes:  16 << 20,
	FileBytes:    8 << 20,
	Policies:     20_000,
	PolicyTokens: 4_096,
	Nesting:      64,
	TextBytes:    4_096,
	InputBytes:   64 << 10,
	Tools:        4_096,
}

const (
	defaultMaxLength = 64 << 10
	defaultMaxItems  = 1_024
	maxAttributes    = 64    // of one record: the decoder keeps a bit for each
	maxNameBytes     = 128   // of ids, attributes, actions, groups
	maxResourceBytes = 4_096 // of a resource in a request
	maxIdentityBytes = 2_048 // of a SPIFFE ID, as its specification says
	maxApprovals     = 16
	maxUsage         = 1 << 62         // of a limit: leaves room for a policy to add to it
	maxTime          = 253_402_300_799 // the last second of the year 9999
)

// effective returns the caps with zero fields filled in, and the names of the
// fields that ask for more than is allowed.
func (c Caps) effective() (Caps, []string) {
	var wrong []string
	lower := func(name string, asked *int, largest int) {
		switch {
		case *asked == 0:
			*asked = largest
		case *asked < 0 || *asked > largest:
			wrong = append(wrong, name)
			*asked = largest
		}
	}
	lower("SourceBytes", &c.SourceBytes, largestCaps.SourceBytes)
	lower("FileBytes", &c.FileBytes, largestCaps.FileBytes)
	lower("Policies", &c.Policies, largestCaps.Policies)
	lower("PolicyTokens", &c.PolicyTokens, largestCaps.PolicyTokens)
	lower("Nesting", &c.Nesting, largestCaps.Nesting)
	lower("TextBytes", &c.TextBytes, largestCaps.TextBytes)
	lower("InputBytes", &c.InputBytes, largestCaps.InputBytes)
	lower("Tools", &c.Tools, largestCaps.Tools)
	return c, wrong
}
