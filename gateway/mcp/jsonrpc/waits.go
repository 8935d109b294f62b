package jsonrpc

// Waits are the answers that somebody waits for, by Side.Key of their ids. Its holder
// guards it.
type Waits map[string]chan Message

// Expect registers a wait. The channel takes one answer without a receiver.
func (w Waits) Expect(key string) chan Message {
	wait := make(chan Message, 1)
	w[key] = wait
	return wait
}

// Answer hands an answer to whoever waits for it, and ends the wait. It reports
// whether somebody did.
func (w Waits) Answer(from Side, m Message) bool {
	key := from.Key(m.ID)
	wait := w[key]
	if wait == nil {
		return false
	}
	delete(w, key)
	wait <- m // it takes one, and nobody else has it any more
	return true
}
