package opportunity_test

import (
	"fmt"
	"maps"

	"github.com/aim-engine/aim/scheduler/opportunity"
)

func Example() {
	o := opportunity.New()
	kind := o.Kind(opportunity.Node{Type: "MI300X", GPUs: 8, VRAMBytes: 192 << 30})
	free := func(gpus uint16) opportunity.Free { return opportunity.Free{Kind: kind, Whole: gpus} }

	for range 10 { // half of the requests want a whole node
		o.Learn(opportunity.Ask{GPUs: 1})
		o.Learn(opportunity.Ask{GPUs: 8})
	}
	o.Refresh(maps.All(map[opportunity.Free]int{free(8): 3, free(4): 1}), 0)

	breaks, fills := o.Cost(free(8), free(7)), o.Cost(free(4), free(3))
	fmt.Println("a whole node is dearer than a broken one:", breaks > fills)
	// Output: a whole node is dearer than a broken one: true
}
