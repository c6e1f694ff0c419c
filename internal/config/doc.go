// Package config fills one Settings from flags, environment, file and defaults,
// in that order, and refuses a bad value with the name of the setting and where
// it came from. It is the only package that knows viper.
//
//	s, err := config.Load(config.Options{
//		Flags: map[string]config.Flag{"nats.url": {Name: "--nats-url", Value: "nats://10.0.0.5:4222"}},
//	})
//	if err != nil {
//		return err // setting node.ports: "80k" (from AIM_NODE_PORTS) is not a range of ports
//	}
//	fmt.Println(s.NATS.URL, s.Source("nats.url"))
//
// A setting is called the same everywhere: node.ports in the file,
// AIM_NODE_PORTS in the environment. A few also answer to the name that
// other tools use (TEMPORAL_ADDRESS, NATS_URL, HF_HOME, DOCKER_HOST); the AIM_
// name wins.
package config
