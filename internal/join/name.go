package join

import (
	"fmt"
	"strings"

	"github.com/aim-engine/aim"
)

// Role is what a certificate is good for.
type Role string

// The roles.
const (
	Node     Role = "node"
	Control  Role = "control"
	Operator Role = "operator" // a person
)

// Name is whose certificate it is; in it, as the common name, node/n1.
type Name struct {
	Role Role
	ID   string // a label
}

func (n Name) String() string { return string(n.Role) + "/" + n.ID }

// ParseName reads what String wrote.
func ParseName(s string) (Name, error) {
	role, id, _ := strings.Cut(s, "/")
	n := Name{Role(role), id}
	return n, n.validate()
}

func (n Name) validate() error {
	switch n.Role {
	case Node, Control, Operator:
	default:
		return fmt.Errorf("certificate name %q: its role is none of node, control and operator", n)
	}
	if !aim.IsLabel(n.ID) {
		return fmt.Errorf("%s name %q: use lower-case letters, digits and dashes", n.Role, n.ID)
	}
	return nil
}
