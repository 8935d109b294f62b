package jsonrpc

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// Lines reads messages that a newline ends, as MCP's stdio transport has them.
type Lines struct {
	in   *bufio.Reader
	most int
}

// NewLines reads lines of at most so many bytes.
func NewLines(in io.Reader, most int) *Lines {
	return &Lines{in: bufio.NewReaderSize(in, 64<<10), most: most}
}

// ErrLong reports a line beyond the limit. It was passed over: the next call reads
// the next line.
var ErrLong = fault(CodeInvalidRequest, "the line is too long")

// Next is the next line that is not blank. At the end it is io.EOF; what stood
// there without a newline is no message.
func (l *Lines) Next() ([]byte, error) {
	for {
		line, err := l.line()
		if err != nil {
			return nil, err
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			return line, nil
		}
	}
}

func (l *Lines) line() ([]byte, error) {
	var line []byte
	long := false
	for {
		part, err := l.in.ReadSlice('\n')
		long = long || len(line)+len(part) > l.most+1
		if !long {
			line = append(line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case err != nil:
			return nil, err
		case long:
			return nil, ErrLong
		default:
			return line, nil
		}
	}
}
