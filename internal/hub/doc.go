// Package hub brings model weights from a Hugging Face hub, or a mirror that
// speaks its HTTP API, into one cache per node that every server on it shares.
//
// The cache has the layout of huggingface_hub, so that servers, its own tools
// and this package can use the same folder, and so that a model which somebody
// else has fetched is taken as it is:
//
//	HF_HOME/hub/.locks/models--owner--name/...
//	HF_HOME/hub/models--owner--name/
//	    blobs/<etag>                      content, <etag>.incomplete while it comes
//	    snapshots/<commit>/<file>         -> ../../blobs/<etag>
//	    refs/<branch or tag>              the commit it stands for
//	    .aim/<commit>.json                our manifest: this snapshot is complete
//
// The layout is described at https://huggingface.co/docs/hub/local-cache; only
// the folder .aim is ours, and the other tools pass over it.
//
// Making a model present is one call, which may be repeated at will:
//
//	h, err := hub.New(settings.Weights{Cache: "/var/lib/aim/hf"}, "")
//	path, err := h.Fetch(ctx, "Qwen/Qwen3-32B", "", func(p aim.Progress) {
//		fmt.Println(p.Done, "of", p.Total, "bytes")
//	})
//
// A snapshot counts as complete when every file in its manifest is there in
// full. The manifest is written after the last file has been verified, and the
// ref after the manifest, so that a process killed at any moment leaves either a
// complete model or one that the next Fetch goes on with.
package hub
