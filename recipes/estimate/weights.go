package estimate

import "github.com/aim-engine/aim/recipes/model"

// weights is what the fullest rank holds of the checkpoint. Quantized
// checkpoints keep embedding and head wider than the rest; both are shared
// out, so the checkpoint's bytes are divided like its parameters.
func (d Demand) weights() float64 {
	if !d.Shape.Complete() {
		return d.WeightBytes / float64(max(d.GPUs, 1)*max(d.Stages, 1))
	}
	rank := d.Shape.Rank(model.Split{Tensor: d.GPUs, Stages: d.Stages, Experts: d.ExpertParallel})
	return d.WeightBytes * rank / d.Shape.Total()
}
