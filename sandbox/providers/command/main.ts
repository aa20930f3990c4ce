import { serve } from "../serve";
import { endLocalRunsWithProcess } from "./local-run";
import { provider } from "./provider";

endLocalRunsWithProcess();
serve(provider, process.argv.slice(2));
