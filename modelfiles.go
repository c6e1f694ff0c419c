package aim

// MaxConfigBytes bounds a model's config.json, and each small file beside it,
// wherever it is read. The largest known has 3 MB: it names the precision of
// every expert.
const MaxConfigBytes = 16 << 20

// CheckConfigSize refuses a file that is larger; file is its name in the message.
func CheckConfigSize(file string, size int64) error {
	if size <= MaxConfigBytes {
		return nil
	}
	return Failf(ClassInput, "%s has %d bytes; a model's configuration of more than %d is not read (a limit of AIM Engine)", file, size, MaxConfigBytes).
		WithHint("take what lists single weights out of it, or write a recipe: aim recipe validate --help")
}

// BesideConfig names the small files beside a config.json that say more of a
// model: how its weights are kept, and that it makes one vector of a text.
func BesideConfig() []string {
	return []string{"hf_quant_config.json", "quantize_config.json", "quant_config.json", "modules.json", "1_Pooling/config.json"}
}
