package main

import "github.com/spf13/cobra"

func newModel(a *app) *cobra.Command {
	return group("model", "Fetch, list and remove the weights that nodes keep", "  aim model list",
		newModelFetch(a), newModelList(a), newModelRemove(a))
}
