package main

import "github.com/spf13/cobra"

func newNode(a *app) *cobra.Command {
	return group("node", "Look at nodes, and take them out of placement", "  aim node list",
		newNodeList(a), newNodeShow(a), newNodeCordon(a), newNodeUncordon(a), newNodeClear(a), newNodeRun(a))
}
