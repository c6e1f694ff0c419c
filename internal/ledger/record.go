package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/aim-engine/aim"
)

// Versions of the files. A field that an older agent may ignore needs no new
// one; anything else does. An agent that knows no shares would take two of them
// for damage, so a file is of version 2 while it holds one, and can be read by
// the older agent again when it does not.
const (
	versionWhole  = 1
	versionShares = 2
	newest        = versionShares
)

// envelope is what stands in a file: the sum finds the flipped bit that still
// reads as JSON.
type envelope struct {
	Version int             `json:"version"`
	Sum     string          `json:"crc32c"` // of body, compacted
	Body    json.RawMessage `json:"body"`
}

// claimsBody is the content of claims.json.
type claimsBody struct {
	Claims  []record `json:"claims"`
	Damaged string   `json:"damaged,omitempty"` // what was lost, until Reconciled
}

// record is a claim and the boot it was made under.
type record struct {
	aim.Claim
	BootID string `json:"boot_id"`
}

// stateBody is the content of state.json.
type stateBody struct {
	aim.NodeState
	Epoch   uint64 `json:"epoch"`
	Damaged string `json:"damaged,omitempty"`
}

func (b claimsBody) version() int {
	if slices.ContainsFunc(b.Claims, func(r record) bool { return r.ShareBytes > 0 }) {
		return versionShares
	}
	return versionWhole
}

func (stateBody) version() int { return versionWhole }

// encode puts the body into an envelope, as the bytes of a file.
func encode(body interface{ version() int }) ([]byte, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(envelope{Version: body.version(), Sum: checksum(raw), Body: raw})
	return append(data, '\n'), err
}

// decode reads a file into body. ErrNewer is wrapped where the version says so;
// every other error means that the file is damaged.
func decode(data []byte, body any) error {
	var e envelope
	err := json.Unmarshal(data, &e)
	if e.Version > newest { // a newer form may differ in the rest
		return fmt.Errorf("%w (file version %d, this agent knows %d)", ErrNewer, e.Version, newest)
	}
	if err != nil {
		return err
	}
	if e.Version < 1 {
		return errors.New("no version")
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, e.Body); err != nil {
		return err
	}
	if got := checksum(compact.Bytes()); got != e.Sum {
		return fmt.Errorf("checksum is %s, should be %s", got, e.Sum)
	}
	return json.Unmarshal(e.Body, body)
}

// decodeClaims is decode with the rules that all claims together obey.
func decodeClaims(data []byte) (claimsBody, error) {
	var body claimsBody
	if err := decode(data, &body); err != nil {
		return claimsBody{}, err
	}
	if err := consistent(body.Claims); err != nil {
		return claimsBody{}, err
	}
	return body, nil
}

func checksum(b []byte) string {
	return fmt.Sprintf("%08x", crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}
