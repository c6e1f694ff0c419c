package aim

import (
	"errors"
	"fmt"
)

// FailureClass names what went wrong, in one word. It decides what happens next and
// is part of the status contract. The words for server failures follow the
// messages that vLLM prints (see internal/backend/vllm).
type FailureClass string

// The classes, by family.
const (
	// Input validation: the wish itself cannot be met.
	ClassInput    FailureClass = "input"     // a field has a bad value
	ClassNoRecipe FailureClass = "no_recipe" // nothing known runs this model on this hardware
	ClassConflict FailureClass = "conflict"  // the name is taken by another model, or is stopping

	// Resource: not enough hardware, now or ever.
	ClassCapacity FailureClass = "capacity"  // no node has the GPUs
	ClassRefused  FailureClass = "refused"   // the node did not admit a claim
	ClassGPUBusy  FailureClass = "gpu_busy"  // somebody else holds memory of the GPU
	ClassGPUFault FailureClass = "gpu_fault" // the GPU or its driver failed
	ClassDisk     FailureClass = "disk"      // no space left for image or weights
	ClassNodeLost FailureClass = "node_lost" // the node does not answer

	// Configuration: the recipe and this server version do not agree.
	ClassOption     FailureClass = "option"      // the server refused an option
	ClassKVNone     FailureClass = "kv_none"     // no memory left for the KV cache
	ClassKVShort    FailureClass = "kv_short"    // the KV cache cannot hold one request of the asked length
	ClassLength     FailureClass = "len_too_big" // longer context than the model allows
	ClassTPHeads    FailureClass = "tp_heads"    // attention heads do not divide by the GPU count
	ClassTPBlock    FailureClass = "tp_block"    // quantization blocks do not divide by the GPU count
	ClassQuant      FailureClass = "quant"       // quantization unknown, or not possible on this hardware
	ClassAttention  FailureClass = "attn"        // no attention or other kernel for this model on this GPU
	ClassArch       FailureClass = "arch"        // the server does not know this architecture
	ClassRemoteCode FailureClass = "remote_code" // the model wants to run code of its own
	ClassParser     FailureClass = "parser"      // unknown tool or reasoning parser
	ClassOOM        FailureClass = "oom"         // GPU memory ran out

	// Image and start: the server could not be brought up.
	ClassImage   FailureClass = "image"        // the image cannot be pulled
	ClassBroken  FailureClass = "image_broken" // the image's server cannot run on this hardware: built for other libraries or GPUs
	ClassAuth    FailureClass = "auth"         // registry or model hub refuses the credentials
	ClassMissing FailureClass = "missing"      // image, model or revision does not exist
	ClassWeights FailureClass = "weights"      // the weights cannot be fetched or do not verify
	ClassPort    FailureClass = "port"         // the port is taken
	ClassRuntime FailureClass = "runtime"      // Docker or the process runtime cannot start anything
	ClassStart   FailureClass = "start"        // the server exited while starting, for no known reason
	ClassHostOOM FailureClass = "host_oom"     // host memory or shared memory ran out
	ClassComm    FailureClass = "comm"         // the server's processes could not reach each other

	// Health: it started, but does not serve.
	ClassTimeout   FailureClass = "timeout"    // no progress towards readiness
	ClassWrongName FailureClass = "wrong"      // it serves another model than asked for
	ClassTask      FailureClass = "wrong_task" // it has no interface to ask the model by
	ClassExited    FailureClass = "exited"     // the server ended while it should run
	ClassUnhealthy FailureClass = "unhealthy"  // the server runs but does not answer
	ClassHung      FailureClass = "hung"       // the server answers for its health, and does no work any more
	ClassOrphaned  FailureClass = "orphaned"   // the workflow that owned it has ended
	ClassCancelled FailureClass = "cancelled"  // stopped on request
	ClassInternal  FailureClass = "internal"   // a fault of AIM Engine itself
)

// Next says what a class leads to.
type Next string

// What may happen after a failure.
const (
	NextSame  Next = "same rung"   // try the same rung again, on any node
	NextRung  Next = "next rung"   // retrying cannot mend it: change something
	NextOther Next = "other node"  // the node is at fault: same rung elsewhere
	NextWait  Next = "wait"        // ask placement again and wait for its turn
	NextStop  Next = "tell a user" // only a person can mend it
)

// Family groups classes for people: the five categories every error shown to a
// user names.
type Family string

// The families.
const (
	FamilyInput    Family = "input"
	FamilyResource Family = "resource"
	FamilyConfig   Family = "configuration"
	FamilyStart    Family = "start"
	FamilyHealth   Family = "health"
)

// ClassRule is what is known of a class.
type ClassRule struct {
	Family   Family
	Sentence string // what happened, for a user
	Next     Next   // what happens next
	Tries    int    // how often NextSame and NextOther may repeat on one rung
}

// classRules is the one table of classes. Two tries of the same rung: the
// second separates an accident from a fact; a third has never helped. A server that
// was well and ends without a cause may have been ended by somebody: it takes more
// of those to blame the rung.
var classRules = map[FailureClass]ClassRule{
	ClassInput:    {FamilyInput, "the request has a bad value", NextStop, 0},
	ClassNoRecipe: {FamilyInput, "no recipe runs this model on this hardware", NextStop, 0},
	ClassConflict: {FamilyInput, "the name is in use", NextStop, 0},

	ClassCapacity: {FamilyResource, "no node has the GPUs", NextRung, 0},
	ClassRefused:  {FamilyResource, "the node did not admit the claim", NextWait, 0},
	ClassGPUBusy:  {FamilyResource, "GPU memory is held by somebody else", NextOther, 2},
	ClassGPUFault: {FamilyResource, "a GPU or its driver failed", NextSame, 2},
	ClassDisk:     {FamilyResource, "the disk is full", NextOther, 1},
	ClassNodeLost: {FamilyResource, "the node does not answer", NextOther, 5},

	ClassOption:     {FamilyConfig, "the server refused an option", NextRung, 0},
	ClassKVNone:     {FamilyConfig, "no memory was left for the KV cache", NextRung, 0},
	ClassKVShort:    {FamilyConfig, "the KV cache cannot hold one request of the asked length", NextRung, 0},
	ClassLength:     {FamilyConfig, "the asked context is longer than the model allows", NextRung, 0},
	ClassTPHeads:    {FamilyConfig, "the attention heads do not divide by the number of GPUs", NextRung, 0},
	ClassTPBlock:    {FamilyConfig, "the quantization blocks do not divide by the number of GPUs", NextRung, 0},
	ClassQuant:      {FamilyConfig, "the quantization does not work on this hardware", NextRung, 0},
	ClassAttention:  {FamilyConfig, "no kernel of the server fits this model on this GPU", NextRung, 0},
	ClassArch:       {FamilyConfig, "this server version does not know the model's architecture", NextRung, 0},
	ClassRemoteCode: {FamilyConfig, "the model wants to run code of its own", NextStop, 0},
	ClassParser:     {FamilyConfig, "the tool or reasoning parser is not known", NextRung, 0},
	ClassOOM:        {FamilyConfig, "GPU memory ran out", NextRung, 0},

	ClassImage:   {FamilyStart, "the image cannot be pulled", NextOther, 2},
	ClassBroken:  {FamilyStart, "the server in the image cannot run on this hardware", NextRung, 0},
	ClassAuth:    {FamilyStart, "the credentials were refused", NextStop, 0},
	ClassMissing: {FamilyStart, "the image or model does not exist", NextRung, 0},
	ClassWeights: {FamilyStart, "the weights cannot be fetched", NextOther, 2},
	ClassPort:    {FamilyStart, "the port is taken", NextSame, 3},
	ClassRuntime: {FamilyStart, "the runtime cannot start servers", NextOther, 2},
	ClassStart:   {FamilyStart, "the server ended while it was starting", NextSame, 1},
	ClassHostOOM: {FamilyStart, "the host ran out of memory", NextOther, 1},
	ClassComm:    {FamilyStart, "the GPUs of the server could not reach each other", NextOther, 1},

	ClassTimeout:   {FamilyHealth, "the server made no progress", NextSame, 1},
	ClassWrongName: {FamilyHealth, "the server serves another model", NextRung, 0},
	ClassTask:      {FamilyHealth, "the server has no interface to ask the model by", NextStop, 0},
	ClassExited:    {FamilyHealth, "the server ended", NextSame, 7},
	ClassUnhealthy: {FamilyHealth, "the server stopped answering", NextSame, 3},
	ClassHung:      {FamilyHealth, "the server stopped working", NextSame, 3},
	ClassOrphaned:  {FamilyHealth, "the owner has ended", NextStop, 0},
	ClassCancelled: {FamilyHealth, "it was stopped on request", NextStop, 0},
	ClassInternal:  {FamilyHealth, "AIM Engine itself failed", NextSame, 2},
}

// Rule returns what is known of the class; an unknown one is treated as internal.
func (c FailureClass) Rule() ClassRule {
	if r, ok := classRules[c]; ok {
		return r
	}
	return classRules[ClassInternal]
}

// Classes lists every class, for tests and docs.
func Classes() []FailureClass {
	var all []FailureClass
	for c := range classRules {
		all = append(all, c)
	}
	return all
}

// Failure is an error with a class. Why is the first root cause in words; Hint
// is the next thing to do or type, if there is one.
type Failure struct {
	Class FailureClass `json:"class"`
	Why   string       `json:"why"`
	Hint  string       `json:"hint,omitempty"`
	Guess bool         `json:"guess,omitempty"` // the likeliest class; nothing proves it

	// Numbers that the server named, where it did; 0 otherwise.
	NeededBytes    uint64 `json:"needed_bytes,omitempty"`
	AvailableBytes uint64 `json:"available_bytes,omitempty"`
	LongestLength  int    `json:"longest_length,omitempty"` // tokens that would fit

	// RetryAfterSeconds is how long whoever refused asks to wait, 0 = it does not
	// say. Trying again then is the end of a wait, not another attempt.
	RetryAfterSeconds int `json:"retry_after_s,omitempty"`

	// Fingerprint is the error of a server in its own words, without what varies,
	// where no class explains it; "" otherwise.
	Fingerprint string `json:"fingerprint,omitempty"`

	// LogLines are the first root-cause lines of the server's log.
	LogLines []string `json:"log_lines,omitempty"`
}

// Error names the family, the class's sentence and the cause.
func (f *Failure) Error() string {
	if f.Why == "" {
		return f.Class.Rule().Sentence
	}
	return f.Why
}

// Text is the whole story in one line: family, class, cause and hint.
func (f *Failure) Text() string {
	s := fmt.Sprintf("%s error (%s): %s", f.Class.Rule().Family, f.Class, f.Error())
	if f.Hint != "" {
		s += "; " + f.Hint
	}
	return s
}

// Failf makes a Failure.
func Failf(class FailureClass, format string, args ...any) *Failure {
	return &Failure{Class: class, Why: fmt.Sprintf(format, args...)}
}

// WithHint adds what to do next.
func (f *Failure) WithHint(format string, args ...any) *Failure {
	f.Hint = fmt.Sprintf(format, args...)
	return f
}

// FailureOf finds the Failure in an error chain; another error becomes one of
// class ClassInternal. nil stays nil.
func FailureOf(err error) *Failure {
	if err == nil {
		return nil
	}
	var f *Failure
	if errors.As(err, &f) {
		return f
	}
	return Failf(ClassInternal, "%v", err)
}

func inputError(format string, args ...any) *Failure { return Failf(ClassInput, format, args...) }
