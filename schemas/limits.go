package schemas

// Size limits, in bytes unless said otherwise. A deployment may lower them,
// never raise them.
const (
	MaxEnvelope = 1<<20 + 64<<10 // a stored message
	MaxPayload  = 1 << 20        // an envelope's payload
	MaxItems    = 512            // items of a list (count)
	MaxIntent   = 64 << 10       // one serialized intent
	MaxItem     = 64 << 10       // one serialized decision, claim or outcome
	MaxResult   = 512 << 10      // what a handler returns to the agent
)
