package surface

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// Route is one thing that can be asked.
type Route struct {
	Pattern string // of http.ServeMux, with its method: "GET /api/v1/status"
	Needs   Role
	Handle  func(w http.ResponseWriter, r *http.Request) error
}

// Problem is why something is not answered (RFC 9457). It is shown to whoever asked:
// it holds no secret.
type Problem struct {
	Status int    `json:"status"`
	Title  string `json:"title"`            // what is wrong, in general
	Detail string `json:"detail,omitempty"` // what is wrong here
	Mend   string `json:"mend,omitempty"`   // what to do about it
}

func (p *Problem) Error() string { return fmt.Sprintf("%d %s: %s", p.Status, p.Title, p.Detail) }

// Asked is a problem of the question: status 400.
func Asked(detail, mend string) *Problem {
	return &Problem{http.StatusBadRequest, "the question cannot be meant", detail, mend}
}

// Missing is a problem of something that is not there: status 404.
func Missing(detail string) *Problem {
	return &Problem{Status: http.StatusNotFound, Title: "there is no such thing", Detail: detail}
}

// Beyond is a problem of something that is not there, and of where to look instead:
// status 404.
func Beyond(detail, mend string) *Problem {
	p := Missing(detail)
	p.Mend = mend
	return p
}

// Unable is a problem of the console itself, which cannot tell now: status 503.
func Unable(detail string) *Problem {
	return &Problem{Status: http.StatusServiceUnavailable, Title: "this cannot be told now", Detail: detail}
}

// JSON answers with a value.
func JSON(w http.ResponseWriter, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, err = w.Write(append(body, '\n'))
	return err
}

// Refuse answers with what is wrong. What is no Problem is told as a fault of the
// console, without its words, which are for its log.
func Refuse(w http.ResponseWriter, err error) {
	p, told := errors.AsType[*Problem](err)
	if !told {
		p = &Problem{Status: http.StatusInternalServerError, Title: "the console failed", Mend: "see its log"}
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // who went away is told nothing
}

// Read reads the JSON that was sent, of at most so many bytes, strictly.
func Read(w http.ResponseWriter, r *http.Request, most int64, v any) error {
	in := json.NewDecoder(http.MaxBytesReader(w, r.Body, most))
	in.DisallowUnknownFields()
	if err := in.Decode(v); err != nil {
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			return &Problem{http.StatusRequestEntityTooLarge, "too much was sent", fmt.Sprintf("at most %d bytes", most), "send less"}
		}
		return Asked("the body is not the JSON that is expected: "+err.Error(), "see docs/console.md")
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return Asked("something follows the JSON", "send one object")
	}
	return nil
}
