package door

// items counts the items of the list in an envelope as it passes in pieces, and
// keeps nothing: field 2 of an Envelope is its payload, and the fields 2 of a List
// are its items (schemas/portcullis/v1/envelope.proto, intent.proto). One list may
// hold hundreds of intents under one signature, each as much work for everybody as
// if it had come alone.
//
// What every reader refuses is counted as far as it makes sense: it is noise, or
// one denial for the whole list. The zero value is at the beginning of a message.
type items struct {
	outer, inner fields
	payload      uint64 // bytes of the payload that are still to come
	broken       bool
}

// listField is the number of Envelope.payload and of List.items.
const listField = 2

// count takes the next piece of a message and returns how many items began in it.
func (c *items) count(piece []byte) (n int) {
	for len(piece) > 0 && !c.broken {
		if c.payload > 0 {
			part := piece[:min(c.payload, uint64(len(piece)))]
			c.payload -= uint64(len(part))
			piece = piece[len(part):]
			for len(part) > 0 && !c.broken {
				part = c.inner.next(part)
				if c.broken = c.inner.broken; c.inner.began == listField {
					n++
				}
			}
			continue
		}
		piece = c.outer.next(piece)
		c.broken = c.outer.broken
		if c.outer.began == listField {
			c.payload, c.outer.skip, c.inner = c.outer.skip, 0, fields{}
		}
	}
	return n
}

// fields walks over the fields of one protobuf message that has none but
// length-delimited ones, as envelopes and lists do. The zero value is at its
// beginning.
type fields struct {
	skip   uint64 // bytes of the newest field that are still to come
	began  uint64 // number of the field that began with the last step; 0: none did
	tag    uint64 // of the field whose length comes; 0: a tag comes
	varint uint64 // as far as it has come
	shift  uint
	broken bool
}

const (
	wireBytes   = 2  // the wire type of length-delimited fields
	wireBits    = 3  // of a tag
	varintShift = 63 // of the tenth byte of a varint, the last that one can have
)

// next takes one step, into a field or over a part of it, and returns the rest.
func (f *fields) next(data []byte) (rest []byte) {
	f.began = 0
	if f.skip > 0 {
		n := min(f.skip, uint64(len(data)))
		f.skip -= n
		return data[n:]
	}
	b := data[0]
	if f.shift == varintShift && b > 1 {
		f.broken = true
		return nil
	}
	f.varint |= uint64(b&0x7f) << f.shift
	if b&0x80 != 0 {
		f.shift += 7
		return data[1:]
	}
	f.read(f.varint)
	f.varint, f.shift = 0, 0
	return data[1:]
}

// read takes a whole number: a tag, then a length.
func (f *fields) read(number uint64) {
	switch {
	case f.tag != 0:
		f.began, f.skip, f.tag = f.tag>>wireBits, number, 0
	case number&(1<<wireBits-1) != wireBytes || number>>wireBits == 0:
		f.broken = true
	default:
		f.tag = number
	}
}
