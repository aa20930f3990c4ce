import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { readJson, writeJson } from "../files";
import type { HostLayout } from "../layout";
import { isRunning } from "../../../common/processes";
import { initialState, type ServiceSpec, type ServiceState } from "./spec";

/** One service as it stands on disk. */
export interface StoredService {
  readonly folder: string;
  readonly spec: ServiceSpec;
  readonly state: ServiceState;
}

export interface StoredProject {
  readonly name: string;
  readonly workingDirectory: string;
  readonly files: readonly string[];
  /** Real names of the networks and volumes that the project made. */
  readonly networks: readonly string[];
  readonly volumes: readonly string[];
}

/** Reads and writes the folders of the projects. */
export class ServiceStore {
  constructor(private readonly layout: HostLayout) {}

  projectFolder(project: string): string {
    return join(this.layout.projects, project);
  }

  folder(project: string, service: string): string {
    return join(this.projectFolder(project), "services", service);
  }

  projects(): StoredProject[] {
    return entries(this.layout.projects)
      .map((name) => this.project(name))
      .filter((project) => project !== undefined);
  }

  project(name: string): StoredProject | undefined {
    return readJson<StoredProject>(join(this.projectFolder(name), "project.json"));
  }

  saveProject(project: StoredProject): void {
    mkdirSync(this.projectFolder(project.name), { recursive: true, mode: 0o700 });
    writeJson(join(this.projectFolder(project.name), "project.json"), project);
  }

  removeProject(name: string): void {
    rmSync(this.projectFolder(name), { recursive: true, force: true });
  }

  services(project: string): StoredService[] {
    return entries(join(this.projectFolder(project), "services"))
      .map((name) => this.service(project, name))
      .filter((service) => service !== undefined);
  }

  /** Every service of every project. */
  all(): StoredService[] {
    return entries(this.layout.projects).flatMap((project) => this.services(project));
  }

  service(project: string, name: string): StoredService | undefined {
    const folder = this.folder(project, name);
    const spec = readJson<ServiceSpec>(join(folder, "spec.json"));
    if (spec === undefined) return undefined;
    return { folder, spec, state: this.state(folder) };
  }

  /** The state as far as it is true: a supervisor that is gone has no running service. */
  state(folder: string): ServiceState {
    const state = readJson<ServiceState>(join(folder, "state.json")) ?? initialState;
    if (state.status === "exited" || isRunning(state.supervisor)) return state;
    return state.supervisor === undefined ? state : { ...state, status: "exited", health: "", exitCode: 137 };
  }

  saveSpec(spec: ServiceSpec): string {
    const folder = this.folder(spec.project, spec.service);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    rmSync(join(folder, "state.json"), { force: true });
    writeJson(join(folder, "spec.json"), spec);
    return folder;
  }

  removeService(project: string, service: string): void {
    rmSync(this.folder(project, service), { recursive: true, force: true });
  }
}

function entries(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).sort() : [];
}
/** Runs now, or will again by itself. */
export function isActive({ state }: Pick<StoredService, "state">): boolean {
  return state.status === "running" || state.status === "restarting";
}
