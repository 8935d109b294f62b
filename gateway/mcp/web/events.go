package web

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// event is one event of a stream (Server-Sent Events, WHATWG HTML), and the bytes
// that it was made of.
type event struct {
	raw  []byte
	data []byte
	id   string // "" if it has none
}

// events reads a stream.
type events struct {
	in   *bufio.Reader
	most int
}

func newEvents(in io.Reader, most int) *events {
	return &events{in: bufio.NewReaderSize(in, 64<<10), most: most}
}

var errEvent = errors.New("mcp: a stream of the server cannot be read")

// next is the next event; io.EOF at the end, where what is not complete is none. A
// bare carriage return is refused: readers differ in whether a line ends there.
func (e *events) next() (event, error) {
	var ev event
	var data []string
	for {
		line, err := e.line(len(ev.raw))
		if err != nil {
			return event{}, err
		}
		ev.raw = append(ev.raw, line...)
		text := strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r")
		if strings.Contains(text, "\r") {
			return event{}, fmt.Errorf("%w: it holds a bare carriage return", errEvent)
		}
		name, value, _ := strings.Cut(text, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case text == "":
			ev.data = []byte(strings.Join(data, "\n"))
			return ev, nil
		case name == "data":
			data = append(data, value)
		case name == "id":
			ev.id = value
		}
	}
}

func (e *events) line(before int) ([]byte, error) {
	var line []byte
	for {
		part, err := e.in.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case before+len(line) > e.most:
			return nil, fmt.Errorf("%w: an event has more than %d bytes", errEvent, e.most)
		case errors.Is(err, bufio.ErrBufferFull):
		case err != nil:
			return nil, err
		default:
			return line, nil
		}
	}
}

// with is the event with other data, which is one line.
func (ev event) with(data []byte) []byte {
	var out bytes.Buffer
	if ev.id != "" {
		out.WriteString("id: " + ev.id + "\n")
	}
	out.WriteString("event: message\ndata: ")
	out.Write(bytes.ReplaceAll(data, []byte("\n"), nil)) // JSON has none but between its parts
	out.WriteString("\n\n")
	return out.Bytes()
}
