// Package process runs servers as plain processes of this machine. It is the
// runtime for a machine without Docker, and for a container that holds both
// AIM Engine and the LLM server.
//
// Every server has a folder and a shim. The shim is this same binary, started
// as "aim shim <folder>" in a session of its own; it starts the server, waits
// for it and writes down how it ended. Neither needs the agent, so a server
// outlives an agent that is upgraded or killed:
//
//	agent ──start──▶ shim (own session, holds the folder's lock)
//	                  └──▶ server (own process group, writes server.log)
//
//	launch.json   what to start; never a secret      written by the agent
//	lock          held by the shim while it lives
//	server.json   pid, start time and boot id        written by the shim, before the server runs
//	exit.json     how it ended                       written by the shim
//	stop          it must not be started any more    written by the agent
//	server.log    stdout and stderr
//
// At most one server is ever started in a folder: a shim that does not get the
// lock, or finds server.json, goes away. The server's identity is its pid
// together with its start time and the boot id, so a reused pid is never taken
// for it, and after a restart of the machine it counts as ended.
//
//	rt, err := process.New(settings.Node{Dir: "/var/lib/aim"}, process.Options{Self: "/usr/bin/aim"})
//	if err != nil {
//		return err
//	}
//	server, err := rt.Start(ctx, launch) // found running counts as started
//	exit, err := rt.Wait(ctx, launch.Identity)
//
// A file that a power cut has damaged is kept aside (.damaged); where it was
// server.json, the server is looked for among the processes.
//
// # What keeps servers apart, and what does not
//
// Where the agent is root, servers run as a user of their own (setting node.server_user), who
// can gain no rights again, with a home of their own below the folder for
// temporary files, the groups of their GPUs' device files, and none of the
// agent's environment but PATH and what the setting node.env_inherit lists. Files that
// arguments name must lie below the launch's folders.
//
// What is left: all servers of a node are of that one user, so one that runs
// foreign code can read the environment of another, secrets included, and end
// it. All see what the node shows to every user. GPUs are chosen with
// ROCR_VISIBLE_DEVICES and the UUIDs of whole GPUs, which is a request, not a
// wall: a process may unset it. There are no limits of memory, CPU or processes.
// An agent that is not root shares its user with its servers. Use the docker
// runtime where servers must be kept apart, or for partitions of a GPU, which
// share one UUID.
//
// A service manager that ends every process of a unit would take the servers
// along with the agent: a systemd unit needs KillMode=process.
package process
