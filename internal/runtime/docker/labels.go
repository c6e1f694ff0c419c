package docker

import (
	"strconv"
	"strings"

	"github.com/aim-engine/aim"
	"github.com/docker/docker/api/types/filters"
)

// The labels of a container, all below "aim.". No other file names one.
const (
	labelDeployment = "aim.deployment"
	labelUID        = "aim.uid"
	labelOrdinal    = "aim.ordinal"
	labelRank       = "aim.rank"
	labelAttempt    = "aim.attempt"
	labelToken      = "aim.token" // every container of ours has it
	labelNamespace  = "aim.namespace"
	labelBackend    = "aim.backend"
	labelModel      = "aim.model"
	labelWeights    = "aim.weights"     // repository or path
	labelTask       = "aim.task"        // what the server is proved with
	labelGPUs       = "aim.gpus"        // ids, comma separated, in the order of the launch
	labelShare      = "aim.share_bytes" // only of a share of the one GPU
	labelAddress    = "aim.address"
	labelPort       = "aim.port"
	labelLevel      = "aim.level"
	labelSimulated  = "aim.simulated" // only where it is true
)

// labelsOf describes a launch, without its environment.
func labelsOf(l aim.Launch) map[string]string {
	var gpus []string
	for _, g := range l.GPUs {
		gpus = append(gpus, g.ID)
	}
	labels := map[string]string{
		labelDeployment: l.Deployment,
		labelUID:        l.UID,
		labelOrdinal:    strconv.Itoa(l.Ordinal),
		labelRank:       strconv.Itoa(l.Rank),
		labelAttempt:    strconv.Itoa(l.Attempt),
		labelToken:      l.Token,
		labelNamespace:  l.Namespace,
		labelBackend:    l.Backend,
		labelModel:      l.Model,
		labelWeights:    l.Weights,
		labelTask:       l.Task,
		labelGPUs:       strings.Join(gpus, ","),
		labelAddress:    l.Address,
		labelPort:       strconv.Itoa(l.Port),
		labelLevel:      string(l.Level),
	}
	if l.ShareBytes > 0 {
		labels[labelShare] = strconv.FormatUint(l.ShareBytes, 10)
	}
	if l.Simulated {
		labels[labelSimulated] = "true"
	}
	return labels
}

// serverOf reads back what labelsOf has written; ok is false for the labels of
// somebody else.
func serverOf(labels map[string]string) (s aim.Server, ok bool) {
	if labels[labelToken] == "" || labels[labelUID] == "" {
		return aim.Server{}, false
	}
	s = aim.Server{
		Identity: aim.Identity{
			Deployment: labels[labelDeployment], UID: labels[labelUID],
			Token: labels[labelToken], Namespace: labels[labelNamespace],
		},
		Runtime: Name,
		Backend: labels[labelBackend], Model: labels[labelModel], Weights: labels[labelWeights], Task: labels[labelTask],
		Address: labels[labelAddress], Level: aim.ContainerLevel(labels[labelLevel]),
	}
	for label, to := range map[string]*int{
		labelOrdinal: &s.Ordinal, labelRank: &s.Rank, labelAttempt: &s.Attempt, labelPort: &s.Port,
	} {
		n, err := strconv.Atoi(labels[label])
		if err != nil {
			return aim.Server{}, false
		}
		*to = n
	}
	if text := labels[labelShare]; text != "" {
		share, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return aim.Server{}, false
		}
		s.Share = share
	}
	if ids := labels[labelGPUs]; ids != "" {
		s.GPUs = strings.Split(ids, ",")
	}
	s.Name = s.Server()
	return s, true
}

// ours selects every container of ours.
func ours() filters.Args { return filters.NewArgs(filters.Arg("label", labelToken)) }

// of selects the container of one identity, by what aim.Identity.Same compares.
func of(id aim.Identity) filters.Args {
	return filters.NewArgs(
		filters.Arg("label", labelUID+"="+id.UID),
		filters.Arg("label", labelToken+"="+id.Token),
		filters.Arg("label", labelOrdinal+"="+strconv.Itoa(id.Ordinal)),
		filters.Arg("label", labelRank+"="+strconv.Itoa(id.Rank)),
	)
}
