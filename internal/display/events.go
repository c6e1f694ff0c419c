package display

import (
	"time"
)

// Event is one thing that has happened to a deployment.
type Event struct {
	Time time.Time `json:"time"`
	Who  string    `json:"who"`  // "qwen3-32b", or "qwen3-32b/0" for a replica
	Text string    `json:"text"` // "claimed 4 GPUs on n1"
	Bad  bool      `json:"bad,omitempty"`
	ID   string    `json:"id"` // the same at every reading
}

// Events prints events in their order. A person sees the time of day, a program
// RFC 3339.
func Events(o *Output, all []Event) {
	var t Table
	for _, e := range all {
		text := e.Text
		if e.Bad {
			text = o.Bad(text)
		}
		t.Add(o.Dim(stamp(o, e.Time)), e.Who, text)
	}
	t.Print(o)
}

// stamp is to the millisecond: most steps take less than a second.
func stamp(o *Output, at time.Time) string {
	if o.terminal {
		return at.Local().Format("15:04:05.000")
	}
	return at.UTC().Format("2006-01-02T15:04:05.000Z07:00")
}
